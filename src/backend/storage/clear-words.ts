/**
 * Words of deleted messages in the full-text index. FTS5 can take a row's words out one by one where they stand
 * ('secure-delete'), which searches every segment for each: some 30 ms a conversation. Or it notes that they are gone,
 * 20 times as fast, and leaves them out when segments are merged: for many rows that, and then a merge of all.
 * https://sqlite.org/fts5.html#the_secure_delete_configuration_option
 */
import { setImmediate } from 'node:timers/promises'
import { batchesInTurn } from '../write-turns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Pages merged in a transaction. */
const PAGES = { least: 50, most: 400 }

/** Whether words of deleted messages may stand in the index, though no search finds them. */
export const hasLeftWords = (db: ReadableDb): boolean => db.prepare("SELECT v FROM messages_fts_config WHERE k = 'secure-delete'").pluck().get() !== 1

/** From now on words are left, until `clearWords` has come to its end: also where that is in another process, after a kill. */
export const leaveWords = (db: WritableDb): void => void db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('secure-delete', 0)")

/**
 * Takes out what was left, if anything, in batches, others writing in between. Where it is stopped, or somebody deletes or
 * imports beside it, something may still be left: `hasLeftWords` tells, and it can be done again.
 * @param tell pages done, about, of all; throws where the work is to stop
 */
export async function clearWords(db: WritableDb, tell: (done: number, total: number) => void = () => {}): Promise<void> {
  if (!hasLeftWords(db)) return
  const pages = db.prepare('SELECT count(*) FROM messages_fts_idx').pluck().get() as number
  const deleted = db.prepare("SELECT count(*) || ' ' || total(position) FROM deleted_conversations").pluck()
  const isOneSegment = db.prepare('SELECT (SELECT min(segid) FROM messages_fts_idx) IS (SELECT max(segid) FROM messages_fts_idx)').pluck()
  const merge = db.prepare("INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', ?)")
  const changes = db.prepare('SELECT total_changes()').pluck()
  let atStart: unknown
  const step = db.transaction((from: number, until: number): boolean => {
    const before = changes.get() as number
    if (from === 0) {
      atStart = deleted.get()
      // Two segments are worth a merge: by itself the index waits for four.
      db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('usermerge', 2)")
      // Below zero it begins with all segments there are.
      merge.run(-until)
      return false
    }
    merge.run(until - from)
    // So FTS5 tells that there was nothing left to merge.
    if ((changes.get() as number) - before >= 2) return false
    if (isOneSegment.get() === 1 && deleted.get() === atStart) db.exec("INSERT INTO messages_fts (messages_fts, rank) VALUES ('secure-delete', 1)")
    return true
  })
  for (const { from, until } of batchesInTurn(Infinity, PAGES)) {
    if (step.immediate(from, until)) return
    try {
      tell(Math.min(until, pages), pages)
    } catch {
      return
    }
    await setImmediate()
  }
}
