/** Full-text search over turns. A hit is one message that holds every word. */
import type { ConversationFilter } from '../../shared/browse.ts'
import { IN_A_GROUP } from './analysis.ts'
import type { ReadableDb } from './open.ts'

/** Around the words found, in snippets: private-use characters that no log holds by chance. */
export const MARK_START = '\u{E000}'
export const MARK_END = '\u{E001}'

export type SearchHit = { conversation_id: string; turn_index: number; snippet: string }

/** Ranking reads every match; beyond this many, hits come in import order. */
export const RANKED_MATCHES = 20_000
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

/** Ids of the messages that hold every word, ascending. */
export function matchingTurns(db: ReadableDb, match: string): Uint32Array {
  return Uint32Array.from(db.prepare('SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?').pluck().all(match) as number[])
}

/** Turns that hold every word, in conversations that pass the rest of the filter. */
export function searchTurns(db: ReadableDb, { query, ...filter }: ConversationFilter, limit: number): { total: number; hits: SearchHit[] } {
  const match = matchExpression(query ?? '')
  if (match === null) return { total: 0, hits: [] }
  const { where, bound } = conditions(filter)
  const matching = where === '' ? 'messages_fts WHERE messages_fts MATCH @match' : `messages_fts JOIN messages m ON m.id = messages_fts.rowid JOIN conversations c ON c.position = m.conversation WHERE messages_fts MATCH @match AND ${where}`
  const total = db.prepare(`SELECT count(*) FROM ${matching}`).pluck().get({ ...bound, match }) as number
  const hits = db
    .prepare(
      `SELECT c.id AS conversation_id, m.turn_index, f.snippet
       FROM (SELECT messages_fts.rowid AS id, ${snippetOf('messages_fts')} AS snippet
             FROM ${matching} ORDER BY ${total <= RANKED_MATCHES ? 'messages_fts.rank' : 'messages_fts.rowid'} LIMIT @limit) f
       JOIN messages m ON m.id = f.id JOIN conversations c ON c.position = m.conversation`,
    )
    .all({ ...bound, match, limit }) as SearchHit[]
  return { total, hits }
}

/** A filter without words as a condition on `conversations c`; empty where it asks for nothing. `core/conversation-filter.ts` reads it the same way. */
function conditions(filter: Omit<ConversationFilter, 'query'>): { where: string; bound: Record<string, string | number> } {
  const parts: string[] = []
  const bound: Record<string, string | number> = {}
  const add = (key: keyof typeof filter, sql: string): void => {
    const value = filter[key]
    if (value === undefined) return
    parts.push(sql)
    bound[key] = value
  }
  const matches = (column: string, key: 'source' | 'model' | 'language' | 'category' | 'tag' | 'near' | 'personal'): string => (filter[key]?.endsWith('*') ? `substr(${column}, 1, length(@${key}) - 1) = substr(@${key}, 1, length(@${key}) - 1)` : `${column} = @${key}`)
  for (const key of ['source', 'model', 'language'] as const) add(key, matches(`c.${key}`, key))
  if (filter.signal !== undefined) parts.push(`c.${filter.signal}_turns > 0`)
  add('category', `EXISTS (SELECT 1 FROM winning_signals w, json_each(w.categories) k WHERE w.conversation = c.position AND ${matches('k.value', 'category')})`)
  add('tag', `EXISTS (SELECT 1 FROM conversation_tags t WHERE t.conversation = c.position AND ${matches('t.tag', 'tag')})`)
  add('near', `c.position IN (${IN_A_GROUP}) AND ${matches("'yes'", 'near')}`)
  add('personal', `EXISTS (SELECT 1 FROM personal_data p WHERE p.conversation = c.position AND ${matches('p.kind', 'personal')})`)
  add('minTurns', 'c.turns >= @minTurns')
  add('maxTurns', 'c.turns <= @maxTurns')
  add('minCharacters', 'c.characters >= @minCharacters')
  add('maxCharacters', 'c.characters <= @maxCharacters')
  add('from', 'substr(c.created_at, 1, length(@from)) >= @from')
  add('to', 'substr(c.created_at, 1, length(@to)) <= @to')
  return { where: parts.join(' AND '), bound }
}
