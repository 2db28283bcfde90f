/** What was typed as an FTS5 expression, and the messages and conversations that hold it. */
import type { ReadableDb } from './open.ts'

/** Around the words found, in snippets: private-use characters that no log holds by chance. */
export const MARK_START = '\u{E000}'
export const MARK_END = '\u{E001}'

/** An FTS5 table's snippet of its one column: the words found and their surroundings. */
export const snippetOf = (table: string): string => `snippet(${table}, 0, '${MARK_START}', '${MARK_END}', '…', 24)`

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

/** Ids of the messages that hold every word, ascending. As one text: row by row a common word's would take twice as long. */
export function matchingTurns(db: ReadableDb, match: string): Uint32Array {
  return new Uint32Array(JSON.parse(db.prepare('SELECT json_group_array(rowid) FROM messages_fts WHERE messages_fts MATCH ?').pluck().get(match) as string) as number[])
}

/** By position how well the best turn of a conversation fits, by FTS5's bm25 turned round: greater fits better, 0 where none holds every word. */
export function bestMatches(db: ReadableDb, match: string, firsts: Uint32Array, end: number): Float32Array {
  const best = new Float32Array(end)
  let position = 0
  for (const [id, rank] of db.prepare('SELECT rowid, rank FROM messages_fts WHERE messages_fts MATCH ?').raw().iterate(match) as Iterable<[number, number]>) {
    position = lastAtMost(firsts, id, position, end)
    best[position] = Math.max(best[position]!, -rank)
  }
  return best
}

/** Positions of the conversations that messages are of, both ascending. @param firsts id of the first message by position */
export function conversationsOf(hits: Uint32Array, firsts: Uint32Array, end: number): Uint32Array {
  const positions = new Uint32Array(Math.min(hits.length, end))
  let count = 0
  let position = 0
  for (const id of hits) {
    position = lastAtMost(firsts, id, position, end)
    if (count === 0 || positions[count - 1] !== position) positions[count++] = position
  }
  return positions.subarray(0, count)
}

/** The last position from `low` on whose first message is at most `id`: as a rule a near one, so strides grow until they pass it. */
function lastAtMost(firsts: Uint32Array, id: number, low: number, end: number): number {
  let stride = 1
  while (low + stride < end && firsts[low + stride]! <= id) {
    low += stride
    stride *= 2
  }
  let high = Math.min(end, low + stride)
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (firsts[middle]! <= id) low = middle
    else high = middle
  }
  return low
}
