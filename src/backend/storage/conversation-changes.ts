import type { WritableDb } from './open.ts'

/** Tells readers that keep conversations in memory what to read again: these, and the marks (tags, near-duplicates, personal data) of all; in the caller's transaction. */
export function tellChanges(db: WritableDb, positions: Iterable<number>): void {
  const insert = db.prepare('INSERT INTO conversation_changes (conversation) VALUES (?)')
  for (const position of positions) insert.run(position)
  insert.run(null)
}
