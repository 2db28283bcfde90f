import type { WritableDb } from '../open.ts'

/** A row for each array: a search with a field reads the few that it needs. What was kept is read anew once. */
export function keptColumnsApart(db: WritableDb): void {
  db.exec(`
    DROP TRIGGER kept_columns_forgotten;
    DROP TABLE kept_columns;
    CREATE TABLE kept_columns (
      name TEXT PRIMARY KEY, -- of an array, or header: JSON that says what the arrays hold and which change was their last
      bytes BLOB NOT NULL
    ) STRICT;
    -- Nothing stays of a conversation that is deleted.
    CREATE TRIGGER kept_columns_forgotten AFTER DELETE ON conversations WHEN EXISTS (SELECT 1 FROM kept_columns)
      BEGIN DELETE FROM kept_columns; END;
  `)
}
