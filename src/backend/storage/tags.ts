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

const BATCH = { least: 1000, most: 50_000 }

/** Puts a tag on conversations or takes it off, in the caller's transaction. @returns those that it changed */
export function tagAll(db: WritableDb, tag: string, positions: readonly number[], on: boolean): number[] {
  // One may have been deleted since it was chosen.
  const change = on ? db.prepare('INSERT INTO conversation_tags (tag, conversation) SELECT ?, position FROM conversations WHERE position = ? ON CONFLICT DO NOTHING') : db.prepare('DELETE FROM conversation_tags WHERE tag = ? AND conversation = ?')
  const changed = positions.filter((position) => change.run(tag, position).changes > 0)
  if (changed.length > 0) tellChanges(db, [])
  return changed
}

/**
 * As `tagAll`, in batches, others writing in between.
 * @param tell after each batch; throws where the work is to stop, which takes back what is done
 */
export async function setTag(db: WritableDb, tag: string, positions: ArrayLike<number>, on: boolean, tell: (done: number, total: number) => void = () => {}): Promise<Uint32Array> {
  const all = Array.from(positions)
  const batches: number[][] = []
  const write = db.transaction((some: readonly number[]) => tagAll(db, tag, some, on))
  try {
    for (const { from, until } of batchesInTurn(all.length, BATCH)) {
      batches.push(write.immediate(all.slice(from, until)))
      tell(until, all.length)
      await setImmediate()
    }
  } catch (error) {
    await setTag(db, tag, batches.flat(), !on)
    throw error
  }
  return Uint32Array.from(batches.flat())
}
