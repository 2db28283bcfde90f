/** Lists and facets of conversations under a filter. */
import type { CallOutput, ConversationRow, ParsedInput } from '../../shared/contract.ts'
import type { SignalLabel } from '../../shared/types.ts'
import type { ReadableDb } from './open.ts'
import { matchExpression, snippetOf } from './search.ts'

export type ConversationFilter = ParsedInput<'conversations.facets'>
type FacetName = CallOutput<'conversations.facets'>[number]['name'] | 'near' | 'personal'

const SNIPPET_CHARACTERS = 180
const FACET_VALUES = 50
const SORT_COLUMNS = { imported: 'c.position', turns: 'c.turns', length: 'c.characters', dissatisfied: 'c.dissatisfied_turns' } as const

/** Conversations of a near-duplicate group that has another member left. */
export const IN_A_GROUP = `SELECT s.conversation FROM conversation_sketches s
  WHERE s.near_group > 0 AND EXISTS (SELECT 1 FROM conversation_sketches o WHERE o.near_group = s.near_group AND o.near_group > 0 AND o.conversation <> s.conversation)`

/** The conditions of a filter on `conversations c`; a facet leaves out its own, so that its other values stay countable. */
export function conditions(filter: ConversationFilter, except?: FacetName): { where: string; bound: Record<string, unknown> } {
  const parts: string[] = []
  const bound: Record<string, unknown> = {}
  const add = (facet: FacetName | null, key: string, value: unknown, sql: string): void => {
    if (value === undefined || (facet !== null && facet === except)) return
    parts.push(sql)
    bound[key] = value
  }
  const match = filter.query === undefined || filter.query.trim() === '' ? undefined : matchExpression(filter.query)
  if (match === null) parts.push('0')
  else add(null, 'match', match, 'c.position IN (SELECT position FROM matched)')
  add('source', 'source', filter.source, 'c.source = @source')
  add('model', 'model', filter.model, 'c.model = @model')
  if (filter.signal !== undefined && except !== 'signal') parts.push(`c.${filter.signal}_turns > 0`)
  add('category', 'category', filter.category, 'c.position IN (SELECT w.conversation FROM winning_signals w, json_each(w.categories) k WHERE k.value = @category)')
  add('turns', 'minTurns', filter.minTurns, 'c.turns >= @minTurns')
  add('turns', 'maxTurns', filter.maxTurns, 'c.turns <= @maxTurns')
  if (filter.near === true && except !== 'near') parts.push(`c.position IN (${IN_A_GROUP})`)
  add('personal', 'personal', filter.personal, 'c.position IN (SELECT conversation FROM personal_data WHERE kind = @personal)')
  return { where: parts.length === 0 ? '1' : parts.join(' AND '), bound }
}

/** The conversations with a turn that holds every word of the query, found once per statement. */
export function withMatched({ query }: ConversationFilter): string {
  if (query === undefined || matchExpression(query) === null) return ''
  return 'WITH matched AS MATERIALIZED (SELECT DISTINCT m.conversation AS position FROM messages_fts f JOIN messages m ON m.id = f.rowid WHERE f.content MATCH @match)'
}

export function pageOfConversations(db: ReadableDb, filter: ParsedInput<'conversations.list'>): { total: number; rows: ConversationRow[] } {
  const { where, bound } = conditions(filter)
  const direction = filter.descending ? 'DESC' : 'ASC'
  const total = db.prepare(`${withMatched(filter)} SELECT count(*) FROM conversations c WHERE ${where}`).pluck().get(bound) as number
  const rows = db
    .prepare(
      `${withMatched(filter)}
       SELECT c.position, c.id, c.source, c.model, c.language, c.turns, c.characters
       FROM (SELECT c.position FROM conversations c WHERE ${where} ORDER BY ${SORT_COLUMNS[filter.sort]} ${direction}, c.position ${direction} LIMIT @limit OFFSET @offset) p
       JOIN conversations c ON c.position = p.position
       ORDER BY ${SORT_COLUMNS[filter.sort]} ${direction}, c.position ${direction}`,
    )
    .all({ ...bound, limit: filter.limit, offset: filter.offset }) as (Omit<ConversationRow, 'snippet' | 'signals'> & { position: number })[]

  const match = filter.query === undefined ? null : matchExpression(filter.query)
  const signals = db.prepare('SELECT turn_index AS turnIndex, label FROM winning_signals WHERE conversation = ? ORDER BY turn_index')
  return {
    total,
    rows: rows.map(({ position, ...row }) => ({
      ...row,
      snippet: (match === null ? null : snippetOf(db, match, position)) ?? openingOf(db, position),
      signals: signals.all(position) as { turnIndex: number; label: SignalLabel }[],
    })),
  }
}

/** The first user message, on one line and cut. */
function openingOf(db: ReadableDb, position: number): string {
  const text = db
    .prepare(`SELECT substr(content, 1, ${2 * SNIPPET_CHARACTERS}) FROM messages WHERE conversation = ? ORDER BY role <> 'user', turn_index LIMIT 1`)
    .pluck()
    .get(position) as string | undefined
  const line = (text ?? '').replaceAll(/\s+/g, ' ').trim()
  return line.length > SNIPPET_CHARACTERS ? `${line.slice(0, SNIPPET_CHARACTERS)}…` : line
}

/** Ranges of message counts; a range's value is "first-last", the last one open. */
const TURN_RANGE = "CASE WHEN c.turns <= 2 THEN '1-2' WHEN c.turns <= 4 THEN '3-4' WHEN c.turns <= 8 THEN '5-8' WHEN c.turns <= 16 THEN '9-16' ELSE '17-' END"

export function countFacets(db: ReadableDb, filter: ConversationFilter): CallOutput<'conversations.facets'> {
  let bound: Record<string, unknown> = {}
  const under = (facet: FacetName): string => {
    const own = conditions(filter, facet)
    bound = { ...bound, ...own.bound }
    return own.where
  }
  const byColumn = (name: 'source' | 'model' | 'language'): string =>
    `SELECT * FROM (SELECT '${name}' AS facet, c.${name} AS value, count(*) AS count, 0 AS place FROM conversations c WHERE ${under(name)} AND c.${name} IS NOT NULL GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT ${FACET_VALUES})`
  const bySignal = (['dissatisfied', 'neutral', 'satisfied'] as const).map(
    (label, place) => `SELECT 'signal', '${label}', count(*) AS count, ${place} FROM conversations c WHERE ${under('signal')} AND c.${label}_turns > 0 HAVING count > 0`,
  )
  const rows = db
    .prepare(
      `${withMatched(filter)}
       ${byColumn('source')} UNION ALL ${byColumn('model')} UNION ALL ${byColumn('language')} UNION ALL ${bySignal.join(' UNION ALL ')}
       UNION ALL SELECT 'turns', ${TURN_RANGE}, count(*), min(c.turns) FROM conversations c WHERE ${under('turns')} GROUP BY 2
       UNION ALL SELECT * FROM (
         SELECT 'category', k.value, count(DISTINCT w.conversation), 0 FROM winning_signals w JOIN conversations c ON c.position = w.conversation, json_each(w.categories) k
         WHERE ${under('category')} GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT ${FACET_VALUES})`,
    )
    .all(bound) as { facet: FacetName; value: string; count: number; place: number }[]
  return (['source', 'model', 'language', 'signal', 'turns', 'category'] as const).map((name) => ({
    name,
    values: rows
      .filter(({ facet }) => facet === name)
      .sort((a, b) => a.place - b.place || (name === 'turns' || name === 'signal' ? 0 : b.count - a.count))
      .map(({ value, count }) => ({ value, count })),
  }))
}
