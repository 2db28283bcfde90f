/**
 * Search, facets and sorting over a million conversations, as the conversations page and `drift search` ask for them,
 * beside the bare FTS5 query on the same connection: a count, and the first rows with their snippets. Queries are
 * drawn from running text, so that words come up as often as people write them; those that more than one message in
 * twenty holds are measured apart, as counting them takes FTS5 itself longer.
 */
import { conversationBrowser, type ConversationBrowser } from '../src/backend/storage/browse.ts'
import { conversationColumns } from '../src/backend/storage/browse-columns.ts'
import { openWorkspace, type ReadableDb } from '../src/backend/storage/open.ts'
import { matchExpression } from '../src/backend/storage/search.ts'
import { RANKED_MATCHES, searchTurns } from '../src/backend/storage/search-turns.ts'
import { makeRng, type Rng } from '../src/core/rng.ts'
import type { ConversationFilter } from '../src/shared/browse.ts'
import { CONVERSATION_SORTS } from '../src/shared/facets.ts'
import { browseWorkspace } from './browse-workspace.ts'
import { type Figure, quantile } from './figure.ts'

export const CONVERSATIONS = 1_000_000
const QUERIES = 200
/** Of those that come up on the way, the first. */
const COMMON_QUERIES = 20
/** Of all messages: more than these make a query a common one. */
const COMMON = 0.05
const FILTERS = 100
/** Rows of a page; hits that `drift search` shows. */
const PAGE = 100
const SHOWN_HITS = 20

type Kind = 'word' | 'two words' | 'phrase' | 'prefix' | 'word and field'
/** A fifth of the queries each. */
const KINDS: readonly Kind[] = ['word', 'two words', 'phrase', 'prefix', 'word and field']

export async function* measureSearch({ seed }: { seed: number }): AsyncGenerator<Figure> {
  const workspace = openWorkspace(await browseWorkspace(CONVERSATIONS))
  try {
    const { db } = workspace
    db.exec('DELETE FROM kept_columns')
    const browser = conversationBrowser(db)
    const rng = makeRng(`bench/search/${seed}`)
    const began = performance.now()
    browser.facets({})
    // Brings in what the first words searched for need.
    search(browser, { query: 'no-such-word' })
    const loaded = performance.now() - began
    browser.keep(db)
    const kept = time(() => conversationColumns(db).current())
    yield { name: 'reading the columns that were kept', measured: kept, atMost: null, unit: 'ms', detail: `once after the workspace is opened; a \`drift search\` with a field reads those it asks for; where none are kept all rows are read: ${(loaded / 1000).toFixed(2)} s` }
    yield* measureQueries(db, browser, rng.fork('queries'))
    yield* measureFilters(browser, rng.fork('filters'))
  } finally {
    workspace.close()
  }
}

const search = (browser: ConversationBrowser, filter: ConversationFilter): number => browser.list({ ...filter, sort: 'imported', descending: false, offset: 0, limit: PAGE }).total

function* measureQueries(db: ReadableDb, browser: ConversationBrowser, rng: Rng): Generator<Figure> {
  const count = db.prepare('SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?').pluck()
  const rows = db.prepare(`SELECT rowid, snippet(messages_fts, 0, '<', '>', '…', 24) FROM messages_fts WHERE messages_fts MATCH ? LIMIT ${PAGE}`).raw()
  const ranked = db.prepare(`SELECT rowid, snippet(messages_fts, 0, '<', '>', '…', 24) FROM messages_fts WHERE messages_fts MATCH ? ORDER BY rank LIMIT ${SHOWN_HITS}`).raw()
  const draw = queryDrawer(db, rng)
  const messages = db.prepare('SELECT count(*) FROM messages').pluck().get() as number
  const usual: Timed[] = []
  const common: Timed[] = []
  for (let i = 0; usual.length < QUERIES; i++) {
    const kind = KINDS[i % KINDS.length]!
    const filter = draw(kind)
    const match = matchExpression(filter.query!)!
    const total = count.get(match) as number
    const isCommon = total > COMMON * messages
    const own = isCommon ? common : usual
    if (isCommon ? common.length === COMMON_QUERIES : usual.filter((one) => one.kind === kind).length === QUERIES / KINDS.length) continue
    const counted = time(() => count.get(match))
    // By turns who comes first: what is read is in memory for the second.
    const pair = (ours: () => unknown, bare: () => unknown): Pair => {
      const before = own.length % 2 === 0 ? time(bare) : null
      const measured = time(ours)
      return { ours: measured, bare: counted + (before ?? time(bare)) }
    }
    own.push({
      kind,
      page: pair(() => search(browser, filter), () => rows.all(match)),
      // A command of its own each time, which reads the columns that were kept where it needs them. Of more matches than it ranks, `drift search` shows the first: the bare query is that of the page.
      command: pair(() => searchTurns(db, filter, SHOWN_HITS), () => (total > RANKED_MATCHES ? rows : ranked).all(match)),
    })
  }
  yield* figures('search on the page', usual, ({ page }) => page, 100)
  yield* figures('drift search', usual, ({ command }) => command, 100)
  yield* figures('common words on the page', common, ({ page }) => page, null)
  yield* figures('common words, drift search', common, ({ command }) => command, null)
}

type Pair = { ours: number; bare: number }
type Timed = { kind: Kind; page: Pair; command: Pair }

function* figures(name: string, timed: readonly Timed[], which: (one: Timed) => Pair, atMost: number | null): Generator<Figure> {
  const ours = timed.map((one) => which(one).ours)
  const bare = timed.map((one) => which(one).bare)
  const byKind = KINDS.flatMap((kind) => {
    const own = timed.filter((one) => one.kind === kind)
    return own.length === 0 ? [] : `${kind} ${quantile(own.map((one) => which(one).ours), 0.95).toFixed(0)} (${quantile(own.map((one) => which(one).bare), 0.95).toFixed(0)})`
  })
  const detail = `p95 of ${timed.length} queries: ${byKind.join(', ')} ms, bare FTS5 in brackets; p50 ${quantile(ours, 0.5).toFixed(1)} (${quantile(bare, 0.5).toFixed(1)}), longest ${Math.max(...ours).toFixed(0)} (${Math.max(...bare).toFixed(0)})`
  yield { name, measured: quantile(ours, 0.95), atMost, unit: 'ms', detail }
  yield { name: `${name} / bare FTS5`, measured: quantile(ours, 0.95) / quantile(bare, 0.95), atMost: 1.3, unit: 'x', detail: `of both p95; of all time spent ${(sum(ours) / sum(bare)).toFixed(2)}` }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Queries whose words stand together in some message. */
function queryDrawer(db: ReadableDb, rng: Rng): (kind: Kind) => ConversationFilter {
  const text = db.prepare('SELECT content FROM messages WHERE id = ?').pluck()
  const messages = db.prepare('SELECT max(id) FROM messages').pluck().get() as number
  const fields: readonly ConversationFilter[] = [{ source: 'wildchat' }, { model: 'gpt-4*' }, { language: 'French' }, { minTurns: 5 }, { from: '2024-03' }]
  return (kind) => {
    const words = (text.get(1 + rng.int(messages)) as string).split(' ')
    const at = rng.int(words.length - 1)
    const word = words[at]!
    switch (kind) {
      case 'word': return { query: word }
      case 'two words': return { query: `${word} ${words[rng.int(words.length)]!}` }
      case 'phrase': return { query: `"${word} ${words[at + 1]!}"` }
      case 'prefix': return { query: `${word.slice(0, 3 + rng.int(3))}*` }
      case 'word and field': return { query: word, ...fields[rng.int(fields.length)] }
    }
  }
}

/** A filter never asked for before, its facets, and its first rows in another order. */
function* measureFilters(browser: ConversationBrowser, rng: Rng): Generator<Figure> {
  const filters: readonly ConversationFilter[] = [{ source: 'wildchat' }, { model: 'gpt-4*' }, { signal: 'dissatisfied' }, { minTurns: 4 }, { from: '2024-03' }, { category: 'too long', language: 'English' }]
  const sorts = CONVERSATION_SORTS.filter((sort) => sort !== 'imported')
  const both: number[] = []
  const facets: number[] = []
  for (let i = 0; i < FILTERS; i++) {
    const filter = { ...filters[i % filters.length], minCharacters: i }
    facets.push(time(() => browser.facets(filter)))
    both.push(facets.at(-1)! + time(() => browser.list({ ...filter, sort: sorts[rng.int(sorts.length)]!, descending: rng.int(2) === 1, offset: 0, limit: PAGE })))
  }
  yield { name: 'facets and sorted rows after a filter', measured: quantile(both, 0.95), atMost: 150, unit: 'ms', detail: `p95 of ${FILTERS} new filters: p50 ${quantile(both, 0.5).toFixed(0)}, longest ${Math.max(...both).toFixed(0)}; facets alone p95 ${quantile(facets, 0.95).toFixed(0)}` }
}

function time(task: () => unknown): number {
  const began = performance.now()
  task()
  return performance.now() - began
}
