import type { WritableDb } from '../open.ts'

/** Deleted conversations, and what reading every conversation once finds: near-duplicates and personal data. */
export function groupsAndDeletion(db: WritableDb): void {
  db.exec(`
    -- A deleted conversation stands in no other table, so that nothing can show it. Purged, its text is gone too; the
    -- id stays, so that an import does not silently bring it back.
    CREATE TABLE deleted_conversations (
      position INTEGER PRIMARY KEY, -- its place, which no other conversation takes
      last_message INTEGER NOT NULL, -- neither are the numbers of its messages: they rise as positions do
      id TEXT NOT NULL UNIQUE,
      source TEXT NOT NULL,
      turns INTEGER NOT NULL,
      deletion INTEGER NOT NULL, -- those deleted together
      deleted_at TEXT NOT NULL,
      rows BLOB -- its rows of every table, as node:v8 serializes them; null once purged
    ) STRICT;
    CREATE INDEX deleted_conversations_by_deletion ON deleted_conversations(deletion);
    ALTER TABLE imports ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0; -- left out, because they were deleted before

    -- Words of deleted rows leave the index at once and not with its next merge.
    INSERT INTO messages_fts(messages_fts, rank) VALUES ('secure-delete', 1);

    CREATE TABLE conversation_sketches (
      conversation INTEGER PRIMARY KEY REFERENCES conversations(position) ON DELETE CASCADE,
      sketch BLOB NOT NULL, -- MinHash band keys: uint32, little-endian
      near_group INTEGER -- position of the group's first member; 0 where it has no near-duplicate; null until compared
    ) STRICT;
    CREATE INDEX conversation_sketches_by_group ON conversation_sketches(near_group) WHERE near_group > 0;
    CREATE INDEX conversation_sketches_to_compare ON conversation_sketches(conversation) WHERE near_group IS NULL;

    CREATE TABLE personal_data (
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      kind TEXT NOT NULL,
      finds INTEGER NOT NULL,
      PRIMARY KEY (conversation, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX personal_data_by_kind ON personal_data(kind);
  `)
}
