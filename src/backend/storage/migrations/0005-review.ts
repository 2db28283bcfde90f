import type { WritableDb } from '../open.ts'

/** Labels by people: a log of what each said, queues, guidelines. The 'human' signal is derived from the log. */
export function review(db: WritableDb): void {
  db.exec(`
    -- Append-only: an undo is an entry of its own that names the entry it takes back.
    CREATE TABLE annotations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      turn_index INTEGER NOT NULL, -- of the user message that reacts
      annotator TEXT NOT NULL CHECK (annotator <> ''),
      pass TEXT NOT NULL CHECK (pass IN ('first', 'second', 'adjudication')),
      action TEXT NOT NULL CHECK (action IN ('label', 'skip', 'undo')),
      label TEXT CHECK (label IN ('dissatisfied', 'satisfied', 'neutral')),
      categories TEXT NOT NULL DEFAULT '[]', -- JSON list
      evidence_start INTEGER,
      evidence_end INTEGER,
      note TEXT NOT NULL DEFAULT '',
      suggestion TEXT NOT NULL CHECK (suggestion IN ('shown', 'hidden')),
      seconds REAL,
      created_at TEXT NOT NULL,
      undoes INTEGER UNIQUE REFERENCES annotations(id),
      CHECK ((action = 'label') = (label IS NOT NULL)),
      CHECK ((action = 'undo') = (undoes IS NOT NULL))
    ) STRICT;
    CREATE INDEX annotations_of_turn ON annotations(conversation, turn_index);
    CREATE INDEX annotations_of_annotator ON annotations(annotator, id);
    CREATE TRIGGER annotations_only_grow BEFORE UPDATE ON annotations
      BEGIN SELECT RAISE(ABORT, 'the log of annotations only grows'); END;

    -- What each annotator says of a turn now, pass by pass: their last entry that was not taken back. With max()
    -- SQLite takes the other columns from the row of the maximum.
    CREATE VIEW current_annotations AS
      SELECT conversation, turn_index, annotator, pass, action, label, categories, evidence_start, evidence_end, note, suggestion, seconds, created_at, undoes, max(id) AS id
      FROM annotations a
      WHERE action <> 'undo' AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id)
      GROUP BY conversation, turn_index, annotator, pass;

    CREATE TABLE review_queues (
      id INTEGER PRIMARY KEY,
      annotator TEXT NOT NULL,
      pass TEXT NOT NULL,
      settings TEXT NOT NULL, -- JSON object: what it was asked for with
      after_entry INTEGER NOT NULL, -- last entry of the log when it was drawn
      created_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX review_queues_of_annotator ON review_queues(annotator, settings);

    -- The order is drawn once: a reload, a restart or a new detector run leaves it as it is.
    CREATE TABLE review_queue_items (
      queue INTEGER NOT NULL REFERENCES review_queues(id) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      turn_index INTEGER NOT NULL,
      PRIMARY KEY (queue, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX review_queue_items_of_conversation ON review_queue_items(conversation);

    CREATE TABLE review_guidelines (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      text TEXT NOT NULL
    ) STRICT;

    -- The turns nearest to a cut-off are found from the cut-off outwards, at any size.
    CREATE INDEX signals_by_probability ON signals(decider, probability);

    INSERT INTO annotations (conversation, turn_index, annotator, pass, action, label, categories, evidence_start, evidence_end, suggestion, created_at)
      SELECT conversation, turn_index, 'unnamed', 'first', 'label', label, categories, evidence_start, evidence_end, 'shown', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
      FROM signals WHERE decider = 'human';
    UPDATE signals SET decider_version = 'single' WHERE decider = 'human';
  `)
}
