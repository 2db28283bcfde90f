/** Full-text search over turns. A hit is one message that holds every word. */
import type { ReadableDb } from './open.ts'

/** Around the words found, in snippets: private-use characters that no log holds by chance. */
export const MARK_START = '\u{E000}'
export const MARK_END = '\u{E001}'

export type SearchHit = { conversation_id: string; turn_index: number; snippet: string }

/** Ranking reads every match; beyond this many, hits come in import order. */
const RANKED_MATCHES = 20_000
const SNIPPET_TOKENS = 24

/**
 * What the user typed as an FTS5 expression: words and "quoted phrases", all of them wanted; `word*` matches
 * beginnings. Null where nothing searchable was typed. Every part is quoted, so no input is a syntax error.
 */
export function matchExpression(query: string): string | null {
  // FTS5 reads its expression as a C string: a NUL would end it.
  const parts = query.replaceAll('\0', ' ').match(/"[^"]*"?|[^\s"]+/g) ?? []
  const terms = parts.flatMap((part) => {
    const words = part.replaceAll('"', ' ').trim()
    if (!/[\p{L}\p{N}\p{Co}]/u.test(words)) return []
    return [`"${words.replace(/\*+$/, '')}"${!part.startsWith('"') && part.endsWith('*') ? '*' : ''}`]
  })
  return terms.length === 0 ? null : terms.join(' AND ')
}

export function searchTurns(db: ReadableDb, query: string, limit: number): { total: number; hits: SearchHit[] } {
  const match = matchExpression(query)
  if (match === null) return { total: 0, hits: [] }
  const total = db.prepare('SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?').pluck().get(match) as number
  const hits = db
    .prepare(
      `SELECT c.id AS conversation_id, m.turn_index, f.snippet
       FROM (SELECT rowid AS id, snippet(messages_fts, 0, '${MARK_START}', '${MARK_END}', '…', ${SNIPPET_TOKENS}) AS snippet
             FROM messages_fts WHERE messages_fts MATCH ? ORDER BY ${total <= RANKED_MATCHES ? 'rank' : 'rowid'} LIMIT ?) f
       JOIN messages m ON m.id = f.id JOIN conversations c ON c.position = m.conversation`,
    )
    .all(match, limit) as SearchHit[]
  return { total, hits }
}

/** The first turn of a conversation that holds every word, cut to their surroundings. */
export function snippetOf(db: ReadableDb, match: string, position: number): string | null {
  const range = db.prepare('SELECT min(id) AS first, max(id) AS last FROM messages WHERE conversation = ?').get(position) as { first: number; last: number }
  const snippet = db
    .prepare(`SELECT snippet(messages_fts, 0, '${MARK_START}', '${MARK_END}', '…', ${SNIPPET_TOKENS}) FROM messages_fts WHERE messages_fts MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid LIMIT 1`)
    .pluck()
    .get(match, range.first, range.last) as string | undefined
  return snippet ?? null
}
