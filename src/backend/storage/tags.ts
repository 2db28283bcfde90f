/** Tags that people put on conversations. */
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export const tagsOf = (db: ReadableDb, position: number): string[] => tagReader(db)(position)

/** For many conversations one after another. */
export function tagReader(db: ReadableDb): (position: number) => string[] {
  const tags = db.prepare('SELECT tag FROM conversation_tags INDEXED BY tags_of_conversation WHERE conversation = ? ORDER BY tag').pluck()
  return (position) => tags.all(position) as string[]
}

/** Puts a tag on conversations or takes it off; in the caller's transaction. @returns those that it changed */
export function setTag(db: WritableDb, tag: string, positions: Iterable<number>, on: boolean): Uint32Array {
  const change = on ? db.prepare('INSERT INTO conversation_tags (tag, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING') : db.prepare('DELETE FROM conversation_tags WHERE tag = ? AND conversation = ?')
  const changed: number[] = []
  for (const position of positions) if (change.run(tag, position).changes > 0) changed.push(position)
  if (changed.length > 0) tellChanges(db, [])
  return Uint32Array.from(changed)
}
