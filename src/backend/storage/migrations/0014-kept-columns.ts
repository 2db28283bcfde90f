import type { WritableDb } from '../open.ts'

/** What facets and lists work on, as it was when it was last read from a large workspace: opened again, it is there at once. */
export function keptColumns(db: WritableDb): void {
  db.exec(`
    CREATE TABLE kept_columns (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      last_change INTEGER NOT NULL, -- of conversation_changes: what came later is read from there
      header TEXT NOT NULL, -- JSON: what stands where in bytes
      bytes BLOB NOT NULL
    ) STRICT;
    -- Nothing stays of a conversation that is deleted.
    CREATE TRIGGER kept_columns_forgotten AFTER DELETE ON conversations WHEN EXISTS (SELECT 1 FROM kept_columns)
      BEGIN DELETE FROM kept_columns; END;
  `)
}
