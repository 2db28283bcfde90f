/** Tags that people put on conversations. */
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export const tagsOf = (db: ReadableDb, position: number): string[] => tagReader(db)([position]).get(position) ?? []

/** Of pages of conversations, by position; ones without tags are absent. */
export function tagReader(db: ReadableDb): (positions: readonly number[]) => Map<number, string[]> {
  const tags = db.prepare('SELECT conversation, json_group_array(tag ORDER BY tag) FROM conversation_tags INDEXED BY tags_of_conversation WHERE conversation IN (SELECT value FROM json_each(?)) GROUP BY conversation').raw()
  return (positions) => new Map((tags.all(JSON.stringify(positions)) as [number, string][]).map(([position, own]) => [position, JSON.parse(own) as string[]]))
}

/** Puts a tag on conversations or takes it off; in the caller's transaction. @returns those that it changed */
export function setTag(db: WritableDb, tag: string, positions: Iterable<number>, on: boolean): Uint32Array {
  const change = on ? db.prepare('INSERT INTO conversation_tags (tag, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING') : db.prepare('DELETE FROM conversation_tags WHERE tag = ? AND conversation = ?')
  const changed: number[] = []
  for (const position of positions) if (change.run(tag, position).changes > 0) changed.push(position)
  if (changed.length > 0) tellChanges(db, [])
  return Uint32Array.from(changed)
}
