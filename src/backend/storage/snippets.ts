/** The words found and their surroundings in a page of messages. */
import Database from 'better-sqlite3'
import type { ReadableDb } from './open.ts'
import { snippetOf } from './search.ts'

/** By the ids of those of the messages that hold every word. */
export type SnippetReader = (match: string, messages: readonly number[]) => Map<number, string>

/**
 * The messages are indexed on their own, in memory: the index of the workspace would look every beginning of a word up
 * anew for each message asked for, which takes seconds where it holds many words of that beginning.
 */
export function snippetReader(db: ReadableDb): SnippetReader {
  const text = db.prepare('SELECT content FROM messages WHERE id = ?').pluck()
  const memory = new Database(':memory:')
  memory.exec(`CREATE VIRTUAL TABLE page USING fts5(content, ${tokenizerOf(db)})`)
  const insert = memory.prepare('INSERT INTO page (rowid, content) VALUES (?, ?)')
  const read = memory.prepare(`SELECT rowid, ${snippetOf('page')} FROM page WHERE page MATCH ?`).raw()
  return (match, messages) => {
    memory.exec('BEGIN')
    try {
      for (const id of new Set(messages)) insert.run(id, text.get(id))
      return new Map(read.all(match) as [number, string][])
    } finally {
      memory.exec('ROLLBACK')
    }
  }
}

/** How the workspace's index takes texts apart, as its table was made. */
function tokenizerOf(db: ReadableDb): string {
  const sql = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'messages_fts'").pluck().get() as string
  const option = /tokenize = '[^']*'/.exec(sql)?.[0]
  if (option === undefined) throw new Error(`search: expected messages_fts with a tokenizer, got ${sql}`)
  return option
}
