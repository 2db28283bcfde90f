/** The words found and their surroundings in a page of messages. */
import Database from 'better-sqlite3'
import type { ReadableDb } from './open.ts'
import { snippetOf } from './search.ts'

/** By the ids of those of the messages that hold every word. @param hits all messages that do, ascending */
export type SnippetReader = (match: string, messages: readonly number[], hits: Uint32Array) => Map<number, string>

/** Messages close together among the hits are read through the workspace's index: so many hits at most for each that is asked for. */
const HITS_EACH = 2

/**
 * Messages that lie apart are indexed on their own, in memory, and so are those that hold a beginning of a word: the
 * index of the workspace would look the words up anew for each message, which takes seconds where there are many words
 * of that beginning.
 */
export function snippetReader(db: ReadableDb): SnippetReader {
  const text = db.prepare('SELECT content FROM messages WHERE id = ?').pluck()
  const memory = new Database(':memory:')
  memory.exec(`CREATE VIRTUAL TABLE page USING fts5(content, ${tokenizerOf(db)})`)
  const insert = memory.prepare('INSERT INTO page (rowid, content) VALUES (?, ?)')
  const read = memory.prepare(`SELECT rowid, ${snippetOf('page')} FROM page WHERE page MATCH ?`).raw()
  const readBetween = db.prepare(`SELECT rowid, ${snippetOf('messages_fts')} FROM messages_fts WHERE messages_fts MATCH ? AND rowid BETWEEN ? AND ?`).raw()
  return (match, messages, hits) => {
    const [first, last] = [Math.min(...messages), Math.max(...messages)]
    if (!match.includes('"*') && firstFrom(hits, last) - firstFrom(hits, first) < HITS_EACH * messages.length) return new Map(readBetween.all(match, first, last) as [number, string][])
    memory.exec('BEGIN')
    try {
      for (const id of new Set(messages)) insert.run(id, text.get(id))
      return new Map(read.all(match) as [number, string][])
    } finally {
      memory.exec('ROLLBACK')
    }
  }
}

/** Place of the first number at or above `from`. */
export function firstFrom(ascending: Uint32Array, from: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! < from) low = middle + 1
    else high = middle
  }
  return low
}

/** How the workspace's index takes texts apart, as its table was made. */
function tokenizerOf(db: ReadableDb): string {
  const sql = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'messages_fts'").pluck().get() as string
  const option = /tokenize = '[^']*'/.exec(sql)?.[0]
  if (option === undefined) throw new Error(`search: expected messages_fts with a tokenizer, got ${sql}`)
  return option
}
