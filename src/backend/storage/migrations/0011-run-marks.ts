import type { WritableDb } from '../open.ts'

/** What people do to runs in the table, and where a run comes from that another trainer made. */
export function runMarks(db: WritableDb): void {
  db.exec(`
    CREATE TABLE run_tags (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      tag TEXT NOT NULL,
      PRIMARY KEY (run_id, tag)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE runs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN imported_from TEXT; -- full path of the file
    ALTER TABLE runs ADD COLUMN imported_hash TEXT; -- SHA-256 of the file as it was read last
    CREATE UNIQUE INDEX runs_by_imported_file ON runs(imported_from) WHERE imported_from IS NOT NULL;
  `)
}
