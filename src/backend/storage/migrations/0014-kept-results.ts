import type { WritableDb } from '../open.ts'

/** What takes long to compute and is wanted again: what facets and lists of a large workspace work on, vectors of texts. */
export function keptResults(db: WritableDb): void {
  db.exec(`
    CREATE TABLE kept_columns (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      last_change INTEGER NOT NULL, -- of conversation_changes: what came later is read from there
      header TEXT NOT NULL, -- JSON: what stands where in bytes
      bytes BLOB NOT NULL
    ) STRICT;
    -- Vectors of texts that were held against others, by the SHA-256 of the text: computed once for each model.
    CREATE TABLE text_vectors (
      embedding INTEGER NOT NULL REFERENCES embeddings(id) ON DELETE CASCADE,
      text BLOB NOT NULL,
      vector BLOB NOT NULL, -- float32, little-endian, length 1
      PRIMARY KEY (embedding, text)
    ) STRICT, WITHOUT ROWID;
    -- Nothing stays of a conversation that is deleted.
    CREATE TRIGGER kept_columns_forgotten AFTER DELETE ON conversations WHEN EXISTS (SELECT 1 FROM kept_columns)
      BEGIN DELETE FROM kept_columns; END;
    -- Whose text a vector is, is not written anywhere: all go, and are computed again when they are asked for.
    CREATE TRIGGER text_vectors_forgotten AFTER DELETE ON conversations WHEN EXISTS (SELECT 1 FROM text_vectors)
      BEGIN DELETE FROM text_vectors; END;
  `)
}
