import type { WritableDb } from '../open.ts'

/** Answers of policies to a benchmark's prompts, and where the answers of a duel came from. */
export function answers(db: WritableDb): void {
  db.exec(`
    CREATE TABLE answer_sets (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      benchmark TEXT NOT NULL CHECK (benchmark IN ('alpacaeval', 'wildbench')),
      generator TEXT NOT NULL,
      -- running with a dead owner is shown as interrupted; nobody need write that
      status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
      input TEXT NOT NULL, -- JSON of AnswersInput, max_new_tokens as it was decided
      run_id TEXT, -- the run whose checkpoint answers
      checkpoint TEXT, -- round-2, warm-start
      model_hash TEXT, -- null before the model was read
      computed_by TEXT,
      prompts_hash TEXT NOT NULL, -- SHA-256 of the file of prompts
      total INTEGER NOT NULL,
      seconds REAL NOT NULL DEFAULT 0,
      file TEXT, -- JSON of {path, sha256}
      notices TEXT NOT NULL DEFAULT '[]', -- JSON list
      error TEXT,
      removed INTEGER NOT NULL DEFAULT 0,
      created_at TEXT NOT NULL,
      ended_at TEXT,
      owner_pid INTEGER NOT NULL,
      owner_started TEXT,
      owner_machine TEXT NOT NULL
    ) STRICT;

    CREATE TABLE answers (
      set_id TEXT NOT NULL REFERENCES answer_sets(id) ON DELETE CASCADE,
      idx INTEGER NOT NULL, -- of the prompt in its file
      prompt TEXT NOT NULL, -- what was last said to the policy
      text TEXT NOT NULL,
      finish_reason TEXT NOT NULL CHECK (finish_reason IN ('stop', 'length')),
      tokens INTEGER NOT NULL,
      prompt_tokens INTEGER NOT NULL,
      cut_characters INTEGER NOT NULL,
      PRIMARY KEY (set_id, idx)
    ) STRICT, WITHOUT ROWID;

    -- JSON of each answer's run, round, prompt and sample; null where it came from a file
    ALTER TABLE duel_pairs ADD COLUMN origin_a TEXT;
    ALTER TABLE duel_pairs ADD COLUMN origin_b TEXT;
  `)
}
