/** Lists and facets of conversations under a filter. */
import type { CallOutput, ConversationRow, ParsedInput } from '../../shared/contract.ts'
import type { SignalLabel } from '../../shared/types.ts'
import type { ReadableDb } from './open.ts'
import { matchExpression, snippetOf } from './search.ts'

export type ConversationFilter = ParsedInput<'conversations.facets'>
type FacetName = CallOutput<'conversations.facets'>[number]['name']

const SNIPPET_CHARACTERS = 180
const FACET_VALUES = 50
const SORT_COLUMNS = { imported: 'c.position', turns: 'c.turns', length: 'c.characters', dissatisfied: 'c.dissatisfied_turns' } as const

/** The conditions of a filter on `conversations c`; a facet leaves out its own, so that its other values stay countable. */
function conditions(filter: ConversationFilter, except?: FacetName): { where: string; bound: Record<string, unknown> } {
  const parts: string[] = []
  const bound: Record<string, unknown> = {}
  const add = (facet: FacetName | null, key: string, value: unknown, sql: string): void => {
    if (value === undefined || (facet !== null && facet === except)) return
    parts.push(sql)
    bound[key] = value
  }
  const match = filter.query === undefined || filter.query.trim() === '' ? undefined : matchExpression(filter.query)
  if (match === null) parts.push('0')
  else add(null, 'match', match, 'c.position IN (SELECT m.conversation FROM messages_fts f JOIN messages m ON m.id = f.rowid WHERE f.content MATCH @match)')
  add('source', 'source', filter.source, 'c.source = @source')
  add('model', 'model', filter.model, 'c.model = @model')
  if (filter.signal !== undefined && except !== 'signal') parts.push(`c.${filter.signal}_turns > 0`)
  add('category', 'category', filter.category, 'EXISTS (SELECT 1 FROM winning_signals w, json_each(w.categories) k WHERE w.conversation = c.position AND k.value = @category)')
  add('turns', 'minTurns', filter.minTurns, 'c.turns >= @minTurns')
  add('turns', 'maxTurns', filter.maxTurns, 'c.turns <= @maxTurns')
  return { where: parts.length === 0 ? '1' : parts.join(' AND '), bound }
}

export function pageOfConversations(db: ReadableDb, filter: ParsedInput<'conversations.list'>): { total: number; rows: ConversationRow[] } {
  const { where, bound } = conditions(filter)
  const direction = filter.descending ? 'DESC' : 'ASC'
  const total = db.prepare(`SELECT count(*) FROM conversations c WHERE ${where}`).pluck().get(bound) as number
  const rows = db
    .prepare(
      `SELECT c.position, c.id, c.source, c.model, c.language, c.turns, c.characters
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
const TURN_RANGES = "CASE WHEN turns <= 2 THEN '1-2' WHEN turns <= 4 THEN '3-4' WHEN turns <= 8 THEN '5-8' WHEN turns <= 16 THEN '9-16' ELSE '17-' END"

export function countFacets(db: ReadableDb, filter: ConversationFilter): CallOutput<'conversations.facets'> {
  const byColumn = (name: 'source' | 'model' | 'language'): { value: string; count: number }[] => {
    const { where, bound } = conditions(filter, name)
    return db
      .prepare(`SELECT c.${name} AS value, count(*) AS count FROM conversations c WHERE ${where} AND c.${name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${FACET_VALUES}`)
      .all(bound) as { value: string; count: number }[]
  }
  const byTurns = (): { value: string; count: number }[] => {
    const { where, bound } = conditions(filter, 'turns')
    return db.prepare(`SELECT ${TURN_RANGES} AS value, count(*) AS count FROM conversations c WHERE ${where} GROUP BY 1 ORDER BY min(c.turns)`).all(bound) as { value: string; count: number }[]
  }
  const bySignal = (): { value: string; count: number }[] => {
    const { where, bound } = conditions(filter, 'signal')
    const counts = db
      .prepare(
        `SELECT coalesce(sum(c.dissatisfied_turns > 0), 0) AS dissatisfied, coalesce(sum(c.neutral_turns > 0), 0) AS neutral, coalesce(sum(c.satisfied_turns > 0), 0) AS satisfied
         FROM conversations c WHERE ${where}`,
      )
      .get(bound) as Record<string, number>
    return Object.entries(counts).flatMap(([value, count]) => (count > 0 ? [{ value, count }] : []))
  }
  const byCategory = (): { value: string; count: number }[] => {
    const { where, bound } = conditions(filter, 'category')
    return db
      .prepare(
        `SELECT k.value AS value, count(DISTINCT c.position) AS count FROM conversations c JOIN winning_signals w ON w.conversation = c.position, json_each(w.categories) k
         WHERE ${where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${FACET_VALUES}`,
      )
      .all(bound) as { value: string; count: number }[]
  }
  return [
    { name: 'source', values: byColumn('source') },
    { name: 'model', values: byColumn('model') },
    { name: 'language', values: byColumn('language') },
    { name: 'signal', values: bySignal() },
    { name: 'turns', values: byTurns() },
    { name: 'category', values: byCategory() },
  ]
}
