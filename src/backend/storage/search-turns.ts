/** Full-text search over turns. A hit is one message that holds every word. */
import { judge } from '../../core/conversation-filter.ts'
import type { ConversationFilter } from '../../shared/browse.ts'
import { conversationColumns, type ConversationColumns } from './browse-columns.ts'
import type { ReadableDb } from './open.ts'
import { conversationsOf, matchExpression, matchingTurns, snippetOf } from './search.ts'
import { snippetReader } from './snippets.ts'

export type SearchHit = { conversation_id: string; turn_index: number; snippet: string }

/** Ranking reads every match; beyond this many, hits come in import order. */
export const RANKED_MATCHES = 20_000

/** Turns that hold every word, in conversations that pass the rest of the filter. @param source asked only where there is such a rest */
export function searchTurns(db: ReadableDb, { query, ...filter }: ConversationFilter, limit: number, source: ConversationColumns = conversationColumns(db, { forOneQuery: true })): { total: number; hits: SearchHit[] } {
  const match = matchExpression(query ?? '')
  if (match === null) return { total: 0, hits: [] }
  if (Object.values(filter).some((value) => value !== undefined)) return db.transaction(() => searchAmong(db, match, filter, limit, source))()
  const total = db.prepare('SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?').pluck().get(match) as number
  const hits = db
    .prepare(
      `SELECT c.id AS conversation_id, m.turn_index, f.snippet
       FROM (SELECT rowid AS id, ${snippetOf('messages_fts')} AS snippet FROM messages_fts WHERE messages_fts MATCH @match ORDER BY ${total <= RANKED_MATCHES ? 'rank' : 'rowid'} LIMIT @limit) f
       JOIN messages m ON m.id = f.id JOIN conversations c ON c.position = m.conversation`,
    )
    .all({ match, limit }) as SearchHit[]
  return { total, hits }
}

/** The matches are looked up in the columns: joined to the rows of their conversations, each would cost thirty times as much as finding it. */
function searchAmong(db: ReadableDb, match: string, filter: ConversationFilter, limit: number, source: ConversationColumns): { total: number; hits: SearchHit[] } {
  const { columns } = source.current()
  const [found, firsts] = [matchingTurns(db, match), source.firstMessages()]
  const { passing } = judge(columns, filter, conversationsOf(found, firsts, columns.end))
  let at = 0
  const end = (position: number): number => (position + 1 < columns.end ? firsts[position + 1]! : Infinity)
  const turns = found.filter((id) => {
    while (at < passing.length && end(passing[at]!) <= id) at += 1
    return at < passing.length && firsts[passing[at]!]! <= id
  })
  const shown = turns.length <= RANKED_MATCHES ? firstByRank(db, match, turns, limit) : [...turns.subarray(0, limit)]
  const snippets = snippetReader(db)(match, shown)
  const whose = db.prepare('SELECT c.id AS conversation_id, m.turn_index FROM messages m JOIN conversations c ON c.position = m.conversation WHERE m.id = ?')
  return { total: turns.length, hits: shown.map((id) => ({ ...(whose.get(id) as Omit<SearchHit, 'snippet'>), snippet: snippets.get(id)! })) }
}

/** `+rank` is computed for the turns asked for alone; FTS5's own order would compute it for every match. */
function firstByRank(db: ReadableDb, match: string, turns: Uint32Array, limit: number): number[] {
  const asked = new Set(turns)
  db.function('is_asked_for', (id) => Number(asked.has(id as number)))
  return db.prepare('SELECT rowid FROM messages_fts WHERE messages_fts MATCH ? AND is_asked_for(rowid) ORDER BY +rank LIMIT ?').pluck().all(match, limit) as number[]
}
