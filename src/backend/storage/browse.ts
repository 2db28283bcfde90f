/** Lists, facets and selections of conversations. The columns in memory say which and in what order, the database what they hold. */
import type { Columns } from '../../core/conversation-columns.ts'
import { countFacets, figureOf, judge, passingInOrder, sortKeys, type SortKeys, type Standing } from '../../core/conversation-filter.ts'
import type { ConversationFilter, ConversationSelection } from '../../shared/browse.ts'
import type { ConversationRow, ParsedInput } from '../../shared/contract.ts'
import { FIGURE_SORTS, type ConversationSort, type Facet } from '../../shared/facets.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { nearGroupSizes } from './analysis.ts'
import { conversationColumns, KEPT_FROM } from './browse-columns.ts'
import { conversationIds, findConversation } from './conversations.ts'
import { keptUntilWritten } from './kept-until-written.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { openingOrder, openingReader } from './opening-order.ts'
import { bestMatches, conversationsOf, matchExpression, matchingTurns } from './search.ts'
import { snippetReader, type SnippetReader } from './snippets.ts'
import { tagReader } from './tags.ts'

type ListInput = ParsedInput<'conversations.list'>
type BetweenInput = ParsedInput<'conversations.between'>
export type ConversationPage = { total: number; rows: ConversationRow[]; until: number }

/** Rows that are named one by one. */
const MOST_BETWEEN = 10_000
/** Answers kept, the newest: what a reader pages through, and the facets beside it. */
const KEPT_ANSWERS = 12
/** Keys of a sort hold up to 4 MB of a million conversations. */
const KEPT_KEYS = 2

const showsFigure = (sort: ConversationSort): boolean => (FIGURE_SORTS as readonly ConversationSort[]).includes(sort)

export type ConversationBrowser = {
  list(input: ListInput): ConversationPage
  /** Ids of the rows from one to another. */
  between(input: BetweenInput): string[]
  facets(filter: ConversationFilter): Facet[]
  /** Of those that pass the filter the positions, ascending, beside what is known of all. */
  passing(filter: ConversationFilter): { columns: Columns; positions: Uint32Array }
  /** Positions, as imported. */
  select(selection: ConversationSelection): Uint32Array
  /** Reads what a list in this order needs beside the columns, step by step, so that others are answered meanwhile; `list` reads at once what it misses. */
  prepare(sort: ConversationSort): Iterable<void>
  /** As `ConversationColumns.keep`. */
  keep(db: WritableDb): void
}

export function conversationBrowser(db: ReadableDb): ConversationBrowser {
  const source = conversationColumns(db)
  const snippets = snippetReader(db)
  const readRows = rowReader(db)
  const judged = newestKept<{ standing: Standing; hits: Uint32Array | null; facets: Facet[] | null }>()
  const listed = newestKept<Uint32Array>()
  const openings = openingOrder(db, KEPT_FROM)
  const keyed = newestKept<SortKeys>(KEPT_KEYS)

  const standingOf = (filter: ConversationFilter) => {
    const { columns, version } = source.current()
    const known = judged(`${version} ${JSON.stringify(filter)}`, () => {
      const hits = hitsOf(db, filter)
      return { standing: judge(columns, filter, hits && conversationsOf(hits, source.firstMessages(), columns.end)), hits, facets: null }
    })
    return { columns, version, known }
  }
  const keysBy = (columns: Columns, sort: Exclude<ConversationSort, 'imported'>, filter: ConversationFilter): SortKeys => {
    switch (sort) {
      case 'opening': return openings.ranks(columns, source.firstMessages())
      case 'near': return nearGroupSizes(db, columns.end)
      case 'relevance': return relevanceOf(db, filter, source.firstMessages(), columns.end)
      default: return sortKeys(columns, sort)
    }
  }
  /** @param until positions beyond it are left out: they came in later */
  const inOrder = (filter: ConversationFilter, sort: ConversationSort, descending: boolean, until = Infinity) => {
    const { columns, version, known } = standingOf(filter)
    const keys = sort === 'imported' ? null : keyed(`${version} ${sort} ${sort === 'relevance' ? filter.query : ''}`, () => keysBy(columns, sort, filter))
    const inFullOrder = (): Uint32Array => (keys !== null ? passingInOrder(known.standing, sort, descending, keys) : descending ? known.standing.passing.toReversed() : known.standing.passing)
    const all = listed(`${version} ${sort} ${descending} ${JSON.stringify(filter)}`, inFullOrder)
    const positions = until >= columns.end - 1 ? all : listed(`${version} ${sort} ${descending} ${until} ${JSON.stringify(filter)}`, () => all.filter((position) => position <= until))
    return { positions, keys, hits: known.hits, until: Math.min(until, columns.end - 1) }
  }

  return {
    list({ sort, descending, offset, limit, until: asked, ...filter }) {
      const { positions, keys, hits, until } = inOrder(filter, sort, descending, asked)
      const shown = positions.subarray(offset, offset + limit)
      const rows = readRows(shown, filter, hits && { hits, firsts: source.firstMessages(), snippets })
      if (keys !== null && showsFigure(sort)) rows.forEach((row, at) => void (row.figure = figureOf(sort, keys[shown[at]!]!)))
      return { until, total: positions.length, rows }
    },
    between({ sort, descending, from, to, until, ...filter }) {
      const { positions } = inOrder(filter, sort, descending, until)
      const [first, last] = [from, to].map((id) => positions.indexOf(findConversation(db, id) ?? -1)).sort((a, b) => a - b) as [number, number]
      if (first < 0) throw new BackendError('not-found', 'conversations.between: expected two conversations of the list, got one that is not in it any more. Begin the selection anew')
      if (last - first >= MOST_BETWEEN) throw new BackendError('bad-input', `conversations.between: expected at most ${MOST_BETWEEN} rows from one to the other, got ${last - first + 1}. Select all that match and narrow the filters instead`)
      return conversationIds(db, positions.subarray(first, last + 1))
    },
    facets(filter) {
      const { columns, known } = standingOf(filter)
      return (known.facets ??= countFacets(columns, known.standing))
    },
    passing(filter) {
      const { columns, known } = standingOf(filter)
      return { columns, positions: known.standing.passing }
    },
    select(selection) {
      if ('filter' in selection) {
        const { positions } = inOrder(selection.filter, 'imported', false, selection.until)
        const leftOut = new Set(selection.except?.map((id) => findConversation(db, id)))
        return leftOut.size === 0 ? positions : positions.filter((position) => !leftOut.has(position))
      }
      return Uint32Array.from(selection.ids, (id) => {
        const position = findConversation(db, id)
        if (position === null) throw new BackendError('not-found', `conversations: expected ids of this workspace, got "${id}"`)
        return position
      }).sort()
    },
    *prepare(sort) {
      if (sort === 'opening') yield* openings.read(source.current().columns, source.firstMessages())
    },
    keep(writable) {
      source.keep(writable)
      if (writable.pragma('query_only', { simple: true }) !== 1) openings.keep(writable)
    },
  }
}

/** A conversation as the list shows it. */
export function glanceAt(db: ReadableDb, id: string): ConversationRow {
  const position = findConversation(db, id)
  const [row] = position === null ? [] : rowReader(db)([position])
  if (row === undefined) throw new BackendError('not-found', `conversation: expected the id of one in this workspace, got "${id}"`)
  return row
}

/** Reads the first rows of everything, as imported: without the columns, which take seconds to read where there are a million. */
export function firstConversations(db: ReadableDb): (page: { offset: number; limit: number; until?: number | undefined }) => ConversationPage {
  const readRows = rowReader(db)
  const positionsAt = db.prepare('SELECT position FROM conversations WHERE position <= ? ORDER BY position LIMIT ? OFFSET ?').pluck()
  const newest = db.prepare('SELECT coalesce(max(position), 0) FROM conversations').pluck()
  const countUntil = db.prepare('SELECT count(*) FROM conversations WHERE position <= ?').pluck()
  // Without a condition the count is of an index, several times narrower than the rows.
  const countAll = keptUntilWritten(db, () => db.prepare('SELECT count(*) FROM conversations').pluck().get() as number)
  return ({ offset, limit, until: asked = Number.MAX_SAFE_INTEGER }) => {
    const last = newest.get() as number
    const until = Math.min(asked, last)
    const total = until === last ? countAll() : (countUntil.get(until) as number)
    return { until, total, rows: readRows(positionsAt.all(until, limit, offset) as number[]) }
  }
}

/** Makes what is not among the newest answers. */
function newestKept<Value>(most = KEPT_ANSWERS): (key: string, make: () => Value) => Value {
  const kept = new Map<string, Value>()
  return (key, make) => {
    const value = kept.get(key) ?? make()
    kept.delete(key)
    kept.set(key, value)
    const [oldest] = kept.keys()
    if (kept.size > most && oldest !== undefined) kept.delete(oldest)
    return value
  }
}

/** Ids of the messages that hold every word, ascending; null where no words are asked for. */
function hitsOf(db: ReadableDb, { query }: ConversationFilter): Uint32Array | null {
  if (query === undefined || query.trim() === '') return null
  const match = matchExpression(query)
  return match === null ? new Uint32Array(0) : matchingTurns(db, match)
}

/** Of each conversation how well its best turn fits the words searched for, as float32 bits: greater fits better. 0 where none holds them. */
function relevanceOf(db: ReadableDb, { query }: ConversationFilter, firsts: Uint32Array, end: number): Uint32Array {
  const match = matchExpression(query ?? '')
  return match === null ? new Uint32Array(end) : new Uint32Array(bestMatches(db, match, firsts, end).buffer)
}

type StoredRow = Omit<ConversationRow, 'snippet' | 'signals' | 'tags'>

/** Where words were searched for: the messages that hold them, the first message of each conversation, and what reads their surroundings. */
type Found = { hits: Uint32Array; firsts: Uint32Array; snippets: SnippetReader }

function rowReader(db: ReadableDb): (positions: Iterable<number>, filter?: ConversationFilter, found?: Found | null) => ConversationRow[] {
  const rowAt = db.prepare('SELECT id, source, model, language, created_at AS createdAt, turns, characters FROM conversations WHERE position = ?')
  const signals = db.prepare('SELECT turn_index AS turnIndex, label FROM winning_signals WHERE conversation = ? ORDER BY turn_index')
  const openingOf = openingReader(db)
  const tagsAt = tagReader(db)
  return (positions, { query } = {}, found = null) => {
    const match = found === null ? null : matchExpression(query ?? '')
    const all = [...positions]
    const messages = found === null ? [] : all.map((position) => firstHit(found.hits, found.firsts[position]!))
    const tags = tagsAt(all)
    const snippets = found === null || match === null ? new Map<number, string>() : found.snippets(match, messages)
    return all.map((position, at): ConversationRow => ({
      ...(rowAt.get(position) as StoredRow),
      snippet: snippets.get(messages[at] ?? 0) ?? openingOf(position),
      signals: signals.all(position) as { turnIndex: number; label: SignalLabel }[],
      tags: tags.get(position) ?? [],
    }))
  }
}

/** The first hit at or after a message. */
function firstHit(hits: Uint32Array, from: number): number {
  let [low, high] = [0, hits.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (hits[middle]! < from) low = middle + 1
    else high = middle
  }
  return hits[low] ?? 0
}
