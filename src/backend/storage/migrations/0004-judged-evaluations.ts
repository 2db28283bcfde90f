import type { WritableDb } from '../open.ts'

/** Judged evaluations with what each answer got, every reply of a judge, and blind duels. */
export function judgedEvaluations(db: WritableDb): void {
  db.exec(`
    CREATE TABLE judged_evaluations (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      benchmark TEXT NOT NULL CHECK (benchmark IN ('alpacaeval', 'wb-score', 'wb-reward')),
      model TEXT NOT NULL,
      judge TEXT, -- null where neither file nor folder names it
      judge_url TEXT, -- null where the judge ran elsewhere
      reference TEXT, -- baseline or reference model
      official INTEGER NOT NULL DEFAULT 0,
      discrete INTEGER NOT NULL DEFAULT 0,
      -- running with a dead owner is shown as interrupted; nobody need write that
      status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
      input TEXT NOT NULL, -- JSON of EvaluationInput
      files TEXT NOT NULL DEFAULT '[]', -- JSON list of {role, path, sha256}
      figures TEXT, -- JSON, under the names that drift eval prints
      intervals TEXT, -- JSON of EvaluationIntervals
      notices TEXT NOT NULL DEFAULT '[]', -- JSON list of what the figures are not
      error TEXT,
      removed INTEGER NOT NULL DEFAULT 0, -- hidden, so that removing can be undone
      created_at TEXT NOT NULL,
      ended_at TEXT,
      owner_pid INTEGER NOT NULL,
      owner_started TEXT,
      owner_machine TEXT NOT NULL
    ) STRICT;

    CREATE TABLE judged_items (
      evaluation_id TEXT NOT NULL REFERENCES judged_evaluations(id) ON DELETE CASCADE,
      idx INTEGER NOT NULL,
      key TEXT NOT NULL, -- instruction or session id
      answers TEXT NOT NULL, -- hash of the prompt and every answer the judge saw
      value REAL, -- win probability, score or reward; null where the judge gave none
      length INTEGER NOT NULL, -- code points
      reference_length INTEGER,
      PRIMARY KEY (evaluation_id, idx)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX judged_items_of_answers ON judged_items(answers);

    CREATE TABLE judge_replies (
      key TEXT PRIMARY KEY, -- hash of endpoint, model, messages and options
      url TEXT NOT NULL,
      model TEXT NOT NULL, -- as asked for
      completion TEXT NOT NULL, -- JSON of Completion
      milliseconds REAL NOT NULL,
      created_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX judge_replies_of_model ON judge_replies(url, model);

    CREATE TABLE duels (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      name_a TEXT NOT NULL,
      name_b TEXT NOT NULL,
      seed INTEGER NOT NULL, -- of order and sides
      files TEXT NOT NULL, -- JSON list of {path, sha256}
      created_at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE duel_pairs (
      duel_id TEXT NOT NULL REFERENCES duels(id) ON DELETE CASCADE,
      idx INTEGER NOT NULL, -- in the order they are shown
      prompt TEXT NOT NULL,
      answer_a TEXT NOT NULL,
      answer_b TEXT NOT NULL,
      a_is_left INTEGER NOT NULL,
      winner TEXT CHECK (winner IN ('a', 'b', 'tie')), -- null: open
      reasons TEXT NOT NULL DEFAULT '[]', -- JSON list, against the loser
      PRIMARY KEY (duel_id, idx)
    ) STRICT, WITHOUT ROWID;
  `)
}
