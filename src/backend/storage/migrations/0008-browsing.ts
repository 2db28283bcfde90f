import type { WritableDb } from '../open.ts'

/** Tags, saved views, and what a reader that keeps conversations in memory must read again. */
export function browsing(db: WritableDb): void {
  db.exec(`
    CREATE TABLE conversation_tags (
      tag TEXT NOT NULL,
      conversation INTEGER NOT NULL REFERENCES conversations(position) ON DELETE CASCADE,
      PRIMARY KEY (tag, conversation)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tags_of_conversation ON conversation_tags(conversation);

    CREATE TABLE saved_views (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      address TEXT NOT NULL, -- query string of the conversations page
      removed INTEGER NOT NULL DEFAULT 0 -- hidden, so that removing can be undone
    ) STRICT;
    CREATE UNIQUE INDEX saved_views_by_name ON saved_views(name) WHERE removed = 0;

    -- The newest changes to conversations that were there; new ones are known by their positions.
    CREATE TABLE conversation_changes (
      id INTEGER PRIMARY KEY,
      conversation INTEGER -- null: of tags, near-duplicates or personal data, on any number of them
    ) STRICT;
    CREATE TRIGGER conversation_signals_changed AFTER UPDATE OF dissatisfied_turns, satisfied_turns, neutral_turns ON conversations
      BEGIN INSERT INTO conversation_changes (conversation) VALUES (NEW.position); END;
    CREATE TRIGGER conversation_deleted AFTER DELETE ON conversations
      BEGIN INSERT INTO conversation_changes (conversation) VALUES (OLD.position); END;
    CREATE TRIGGER conversation_changes_kept AFTER INSERT ON conversation_changes WHEN NEW.id % 4096 = 0
      BEGIN DELETE FROM conversation_changes WHERE id <= NEW.id - 65536; END;

    -- Everything facets count and lists sort by, to be read without the wide rows.
    DROP INDEX conversations_by_facet;
    CREATE INDEX conversations_by_facet ON conversations(source, model, language, turns, characters, dissatisfied_turns, satisfied_turns, neutral_turns, created_at);
  `)
}
