import type { WritableDb } from '../open.ts'

/** Vectors of conversations, by what made them, and the map they lie on. */
export function conversationMap(db: WritableDb): void {
  db.exec(`
    CREATE TABLE embeddings (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      version TEXT NOT NULL UNIQUE, -- of everything that decides what a text's vector is
      kind TEXT NOT NULL CHECK (kind IN ('lexical', 'onnx')),
      words TEXT NOT NULL, -- what it is, for people
      folder TEXT, -- of the model
      dimensions INTEGER NOT NULL,
      fitted INTEGER, -- lexical: conversations there were when rarity was counted
      rarity BLOB -- lexical: float32, the weight of each bucket of terms
    ) STRICT;

    -- A conversation's text never changes: its id is the hash of it.
    CREATE TABLE conversation_vectors (
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      embedding INTEGER NOT NULL, -- of a deleted conversation that comes back it may be gone
      vector BLOB NOT NULL, -- float32, little-endian, length 1
      PRIMARY KEY (conversation, embedding)
    ) STRICT;
    CREATE INDEX conversation_vectors_of_embedding ON conversation_vectors(embedding, conversation);

    CREATE TABLE conversation_maps (
      id INTEGER PRIMARY KEY AUTOINCREMENT, -- the highest is the map; points of others are none
      embedding INTEGER NOT NULL REFERENCES embeddings(id) ON DELETE CASCADE,
      projection TEXT NOT NULL,
      explained REAL NOT NULL,
      made_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE conversation_map_points (
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      map INTEGER NOT NULL,
      x REAL NOT NULL,
      y REAL NOT NULL,
      PRIMARY KEY (conversation, map)
    ) STRICT, WITHOUT ROWID;
  `)
}
