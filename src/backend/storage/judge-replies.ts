/** Every reply of a judge, under the hash of what was asked: nothing is asked, or paid for, twice. */
import type { Completion } from '../judge/chat-endpoint.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export function readReply(db: ReadableDb, key: string): Completion | null {
  const found = db.prepare('SELECT completion FROM judge_replies WHERE key = ?').pluck().get(key) as string | undefined
  return found === undefined ? null : (JSON.parse(found) as Completion)
}

export const hasReply = (db: ReadableDb, key: string): boolean => db.prepare('SELECT 1 FROM judge_replies WHERE key = ?').get(key) !== undefined

export function writeReply(db: WritableDb, reply: { key: string; url: string; model: string; completion: Completion; milliseconds: number }): void {
  db.prepare('INSERT OR REPLACE INTO judge_replies (key, url, model, completion, milliseconds, created_at) VALUES (@key, @url, @model, @completion, @milliseconds, @createdAt)').run({ ...reply, completion: JSON.stringify(reply.completion), createdAt: new Date().toISOString() })
}

/** Median time of a judge's replies; null where it has given none. */
export function medianMilliseconds(db: ReadableDb, url: string, model: string): number | null {
  const times = db.prepare('SELECT milliseconds FROM judge_replies WHERE url = ? AND model = ? ORDER BY milliseconds').pluck().all(url, model) as number[]
  return times[Math.floor(times.length / 2)] ?? null
}
