import type { WritableDb } from '../open.ts'

/** Imports, conversations with full-text search, signals, datasets. */
export function conversationsAndDatasets(db: WritableDb): void {
  db.exec(`
    CREATE TABLE imports (
      id TEXT PRIMARY KEY,
      files TEXT NOT NULL, -- JSON list of absolute paths
      format TEXT NOT NULL,
      imported INTEGER NOT NULL DEFAULT 0,
      duplicates INTEGER NOT NULL DEFAULT 0,
      quarantined INTEGER NOT NULL DEFAULT 0,
      created_at TEXT NOT NULL,
      seconds REAL -- null until the import came to its end
    ) STRICT;

    CREATE TABLE quarantined_rows (
      id INTEGER PRIMARY KEY,
      import_id TEXT NOT NULL REFERENCES imports(id) ON DELETE CASCADE,
      file TEXT NOT NULL,
      row INTEGER NOT NULL, -- 1-based: line of a JSONL file, element of an array
      reason TEXT NOT NULL,
      raw TEXT NOT NULL -- as read, cut
    ) STRICT;
    CREATE INDEX quarantined_rows_of_import ON quarantined_rows(import_id);

    -- position numbers conversations in import order and is what other tables refer to; id is the content hash.
    CREATE TABLE conversations (
      position INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      source TEXT NOT NULL,
      model TEXT,
      language TEXT,
      created_at TEXT,
      turns INTEGER NOT NULL,
      characters INTEGER NOT NULL,
      metadata TEXT NOT NULL, -- JSON object
      import_id TEXT NOT NULL REFERENCES imports(id),
      -- Of the winning signals; written in the transaction that writes signals.
      answered_turns INTEGER NOT NULL,
      dissatisfied_turns INTEGER NOT NULL DEFAULT 0,
      satisfied_turns INTEGER NOT NULL DEFAULT 0,
      neutral_turns INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    -- Everything facets count and lists sort by, so that neither reads the wide rows.
    CREATE INDEX conversations_by_facet ON conversations(source, model, language, turns, characters, dissatisfied_turns, satisfied_turns, neutral_turns);

    CREATE TABLE messages (
      id INTEGER PRIMARY KEY,
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      turn_index INTEGER NOT NULL,
      role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
      content TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX messages_of_conversation ON messages(conversation, turn_index);
    CREATE VIRTUAL TABLE messages_fts USING fts5(content, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');
    -- Bytes of index gathered in memory before a segment is written: fewer merges while importing (default 1 MiB).
    INSERT INTO messages_fts(messages_fts, rank) VALUES ('hashsize', 67108864);

    CREATE TABLE signals (
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      turn_index INTEGER NOT NULL, -- of the user message that reacts
      decider TEXT NOT NULL CHECK (decider IN ('human', 'imported', 'judge', 'classifier', 'rules')),
      decider_version TEXT NOT NULL,
      label TEXT NOT NULL CHECK (label IN ('dissatisfied', 'satisfied', 'neutral')),
      probability REAL NOT NULL,
      categories TEXT NOT NULL, -- JSON list
      evidence_start INTEGER,
      evidence_end INTEGER,
      PRIMARY KEY (conversation, turn_index, decider)
    ) STRICT, WITHOUT ROWID;

    -- One row per turn: people over imported labels over judge, classifier and rules. With min() SQLite takes the
    -- other columns from the row of the minimum (https://sqlite.org/lang_select.html#bareagg).
    CREATE VIEW winning_signals AS
      SELECT conversation, turn_index, decider, decider_version, label, probability, categories, evidence_start, evidence_end,
        min(CASE decider WHEN 'human' THEN 0 WHEN 'imported' THEN 1 WHEN 'judge' THEN 2 WHEN 'classifier' THEN 3 ELSE 4 END) AS decider_rank
      FROM signals GROUP BY conversation, turn_index;

    CREATE TABLE datasets (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      kind TEXT NOT NULL CHECK (kind IN ('feedback', 'preference', 'prompts')),
      hash TEXT NOT NULL,
      rows INTEGER NOT NULL,
      created_at TEXT NOT NULL,
      recipe TEXT NOT NULL, -- JSON object: how it was made
      statistics TEXT NOT NULL -- JSON list of {label, value}
    ) STRICT;

    CREATE TABLE dataset_rows (
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      row TEXT NOT NULL, -- JSON of a FeedbackRow, Pair or PromptRow
      conversation_id TEXT,
      turn_index INTEGER,
      PRIMARY KEY (dataset, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX dataset_rows_of_conversation ON dataset_rows(conversation_id) WHERE conversation_id IS NOT NULL;
    CREATE TRIGGER dataset_rows_are_immutable BEFORE UPDATE ON dataset_rows
      BEGIN SELECT RAISE(ABORT, 'dataset rows are immutable'); END;
  `)
}
