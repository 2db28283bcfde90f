/** Tags that people put on conversations. */
import { setImmediate } from 'node:timers/promises'
import { batchesInTurn } from '../write-turns.ts'
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export const tagsOf = (db: ReadableDb, position: number): string[] => tagReader(db)([position]).get(position) ?? []

/** Of pages of conversations, by position; ones without tags are absent. */
export function tagReader(db: ReadableDb): (positions: readonly number[]) => Map<number, string[]> {
  const tags = db.prepare('SELECT conversation, json_group_array(tag ORDER BY tag) FROM conversation_tags INDEXED BY tags_of_conversation WHERE conversation IN (SELECT value FROM json_each(?)) GROUP BY conversation').raw()
  return (positions) => new Map((tags.all(JSON.stringify(positions)) as [number, string][]).map(([position, own]) => [position, JSON.parse(own) as string[]]))
}

/** Puts a tag on a conversation or takes it off, in the caller's transaction; false where nothing changed, also as there is no such conversation. */
export function tagChanger(db: WritableDb, on: boolean): (tag: string, position: number) => boolean {
  const change = on ? db.prepare('INSERT INTO conversation_tags (tag, conversation) SELECT ?, position FROM conversations WHERE position = ? ON CONFLICT DO NOTHING') : db.prepare('DELETE FROM conversation_tags WHERE tag = ? AND conversation = ?')
  return (tag, position) => change.run(tag, position).changes > 0
}

const BATCH = { least: 1000, most: 50_000 }

/**
 * Puts a tag on conversations or takes it off, in batches, others writing in between.
 * @param tell after each batch; throws where the work is to stop, which takes back what is done
 * @returns those that it changed
 */
export async function setTag(db: WritableDb, tag: string, positions: ArrayLike<number>, on: boolean, tell: (done: number, total: number) => void = () => {}): Promise<Uint32Array> {
  const change = tagChanger(db, on)
  const changed: number[] = []
  const write = db.transaction((from: number, until: number) => {
    const before = changed.length
    for (let at = from; at < until; at++) if (change(tag, positions[at]!)) changed.push(positions[at]!)
    if (changed.length > before) tellChanges(db, [])
  })
  try {
    for (const { from, until } of batchesInTurn(positions.length, BATCH)) {
      write.immediate(from, until)
      tell(until, positions.length)
      await setImmediate()
    }
  } catch (error) {
    await setTag(db, tag, changed, !on)
    throw error
  }
  return Uint32Array.from(changed)
}
