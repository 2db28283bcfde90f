import type { WritableDb } from '../open.ts'

/** How far an import came in each of its files, so that a stopped one goes on there. */
export function importFiles(db: WritableDb): void {
  db.exec(`
    ALTER TABLE imports ADD COLUMN reading TEXT NOT NULL DEFAULT '{}'; -- JSON of the format or mapping asked for
    ALTER TABLE imports ADD COLUMN owner TEXT; -- JSON of the process at work; null where none is
    ALTER TABLE imports ADD COLUMN worked_seconds REAL NOT NULL DEFAULT 0; -- up to the last batch, interruptions left out

    CREATE TABLE import_files (
      import_id TEXT NOT NULL REFERENCES imports(id) ON DELETE CASCADE,
      path TEXT NOT NULL,
      size INTEGER NOT NULL, -- a file of another size or time is another file, and read from its start
      modified_ms REAL NOT NULL,
      rows INTEGER NOT NULL DEFAULT 0, -- every row up to this number is imported or quarantined
      done INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (import_id, path)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX quarantined_rows_of_file ON quarantined_rows(file);
  `)
}
