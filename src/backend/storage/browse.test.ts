import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { countFacets, judge } from '../../core/conversation-filter.ts'
import type { ConversationFilter } from '../../shared/browse.ts'
import { calls } from '../../shared/contract.ts'
import { importFiles } from '../imports/import-files.ts'
import { conversationBrowser, firstConversations, type ConversationBrowser } from './browse.ts'
import { conversationColumns } from './browse-columns.ts'
import { openDatabase, type WritableDb } from './open.ts'
import { openingOrder } from './opening-order.ts'
import { MARK_END, MARK_START, matchExpression } from './search.ts'
import { searchTurns } from './search-turns.ts'
import { pageOfSignals, summarizeSignals, writeSignals } from './signals.ts'
import { setTag } from './tags.ts'

async function aLog(): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, [
    aJsonlFile([
      { source: 'shop', model: 'm1', language: 'English', messages: turns('red shoes please', 'No red shoes.', "that's not what i asked for", 'Here: red shoes.', 'perfect'), labels: [{ turn_index: 2, dsat: true, kind: 'complaint' }, { turn_index: 4, dsat: false, sat: true, kind: 'thanks' }] },
      { source: 'shop', model: 'm2', language: 'English', messages: turns('blue shoes', 'Blue shoes.', 'and socks?'), labels: [{ turn_index: 2, dsat: false }] },
      { source: 'travel', model: 'm1', language: 'French', messages: turns('un café à Paris, don’t be late', 'Le Procope.') },
    ]),
  ])
  return db
}

const list = (db: WritableDb, input: Record<string, unknown> = {}) => conversationBrowser(db).list(calls['conversations.list'].input.parse(input))
const facets = (db: WritableDb, input: Record<string, unknown> = {}) => Object.fromEntries(conversationBrowser(db).facets(input).map(({ name, values }) => [name, Object.fromEntries(values.map(({ value, count }) => [value, count]))]))

test('search ANDs words within a turn and counts all turns, whatever the limit', async () => {
  const db = await aLog()
  expect(searchTurns(db, { query: 'red shoes' }, 1)).toMatchObject({ total: 3, hits: [{ turn_index: expect.any(Number) as number }] })
  expect(searchTurns(db, { query: 'red socks' }, 10)).toEqual({ total: 0, hits: [] })
  expect(searchTurns(db, { query: '"shoes red"' }, 10).total).toBe(0)
  expect(searchTurns(db, { query: 'sho*' }, 10).total).toBe(5)
  expect(searchTurns(db, { query: 'cafe a paris' }, 10).total).toBe(1)
  expect(searchTurns(db, { query: "don't" }, 10).total).toBe(1)
  expect(searchTurns(db, { query: 'blue' }, 1).hits[0]?.snippet).toContain('blue'.replace(/^/, MARK_START).replace(/$/, MARK_END))
})

test('no query is a syntax error', () => {
  const db = anEmptyDatabase()
  for (const query of ['"', 'a AND', 'NEAR(', 'a:b', '*', '-', '', ' ', '()', 'x" OR "y', '"*"']) expect(searchTurns(db, { query }, 5).total).toBe(0)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (query) => void searchTurns(db, { query }, 5)), { numRuns: 50 })
  expect(matchExpression('???')).toBeNull()
})

test('dissatisfied turns without a category are found and counted as unspecified, also by who knew the log before', async () => {
  const db = await aLog()
  const browser = conversationBrowser(db)
  const unspecified = (known = browser) => [known.list(calls['conversations.list'].input.parse({ category: 'unspecified' })).total, known.facets({}).find(({ name }) => name === 'category')?.values.find(({ value }) => value === 'unspecified')?.count ?? 0]
  expect(unspecified()).toEqual([0, 0])
  const position = db.prepare("SELECT position FROM conversations WHERE model = 'm2'").pluck().get() as number
  writeSignals(db, [{ conversation: position, turnIndex: 2, label: 'dissatisfied', probability: 0.9, categories: [], evidence: null, decider: 'human', deciderVersion: 'single' }])
  await setTag(db, 'told', [position], true)
  expect(unspecified()).toEqual([1, 1])
  expect(unspecified(conversationBrowser(db))).toEqual([1, 1])
  expect(pageOfSignals(db, { category: 'unspecified', offset: 0, limit: 9 })).toMatchObject({ total: 1, rows: [{ userText: 'and socks?', categories: [] }] })
  expect(summarizeSignals(db).categories).toContainEqual({ category: 'unspecified', count: 1, examples: [{ conversationId: expect.any(String) as string, turnIndex: 2, text: 'and socks?' }] })
})

test('lists filter, sort and page; totals ignore the page', async () => {
  const db = await aLog()
  expect(list(db).rows.map(({ turns: n }) => n)).toEqual([5, 3, 2])
  expect(list(db, { limit: 1, offset: 1 })).toMatchObject({ total: 3, rows: [{ model: 'm2', snippet: 'blue shoes', signals: [{ turnIndex: 2, label: 'neutral' }] }] })
  expect(list(db, { sort: 'turns' }).rows.map(({ turns: n }) => n)).toEqual([2, 3, 5])
  expect(list(db, { sort: 'dissatisfied', descending: true }).rows[0]?.turns).toBe(5)
  expect(list(db, { source: 'shop', model: 'm1' }).total).toBe(1)
  expect(list(db, { signal: 'dissatisfied' }).rows).toMatchObject([{ signals: [{ turnIndex: 2, label: 'dissatisfied' }, { turnIndex: 4, label: 'satisfied' }] }])
  expect(list(db, { category: 'thanks' }).total).toBe(1)
  expect(list(db, { minTurns: 3, maxTurns: 4 }).total).toBe(1)
})

test('a query lists conversations once, with the words found marked', async () => {
  const db = await aLog()
  const { total, rows } = list(db, { query: 'red shoes' })
  expect(total).toBe(1)
  expect(rows[0]?.snippet).toBe(`${MARK_START}red${MARK_END} ${MARK_START}shoes${MARK_END} please`)
  expect(list(db, { query: '???' }).total).toBe(0)
  expect(list(db, { query: ' ' }).total).toBe(3)
})

test('facets count conversations under the other filters', async () => {
  const db = await aLog()
  expect(facets(db)).toEqual({
    source: { shop: 2, travel: 1 }, model: { m1: 2, m2: 1 }, language: { English: 2, French: 1 },
    signal: { dissatisfied: 1, neutral: 1, satisfied: 1 }, turns: { '1..2': 1, '3..4': 1, '5..8': 1 }, category: { complaint: 1, thanks: 1 }, tag: {}, length: { '0..499': 3 }, date: {}, near: {}, personal: {},
  })
  expect(facets(db, { source: 'travel' })).toMatchObject({ source: { shop: 2, travel: 1 }, model: { m1: 1 }, signal: {} })
  expect(facets(db, { query: 'blue' })).toMatchObject({ source: { shop: 1 }, turns: { '3..4': 1 } })
})

test('the first rows need no columns and are the same', async () => {
  const db = await aLog()
  const first = firstConversations(db)
  expect(first({ offset: 1, limit: 2 })).toEqual(list(db, { offset: 1, limit: 2 }))
  expect(first({ offset: 0, limit: 2, until: 2 })).toEqual(list(db, { offset: 0, limit: 2, until: 2 }))
  await importFiles(db, [aJsonlFile([{ messages: turns('one more', 'yes') }])])
  expect(first({ offset: 0, limit: 9 })).toEqual(list(db, { offset: 0, limit: 9 }))
  db.exec('DELETE FROM conversations WHERE position > 2')
  expect(first({ offset: 0, limit: 9, until: 3 })).toEqual(list(db, { offset: 0, limit: 9, until: 3 }))
})

test('the command line reads fields as the columns do', async () => {
  const db = await aLog()
  db.exec("UPDATE conversations SET created_at = '2024-03-0' || position || 'T10:00:00.000Z'; INSERT INTO conversation_tags VALUES ('hard', 1)")
  for (const filter of [{ source: 'sh*' }, { model: 'm1' }, { language: 'French' }, { signal: 'dissatisfied' }, { category: 'comp*' }, { tag: 'hard' }, { minTurns: 3 }, { maxTurns: 3 }, { minCharacters: 40 }, { maxCharacters: 40 }, { from: '2024-03-02' }, { to: '2024-03-01' }, { from: '2024', to: '2024-02' }] as const) {
    const byTurn = ['red', 'blue', 'cafe'].flatMap((query) => searchTurns(db, { query, ...filter }, 50).hits.map((hit) => hit.conversation_id))
    expect([...new Set(byTurn)].sort(), JSON.stringify(filter)).toEqual(list(db, filter).rows.map(({ id }) => id).sort())
  }
})

test('a reader begins with the columns that were kept and sees what changed since; a deletion leaves none', async () => {
  const file = join(aFolder(), 'workspace.db')
  const db = openDatabase(file)
  onTestFinished(() => void db.close())
  const add = (...texts: string[]) => importFiles(db, [aJsonlFile(texts.map((text) => ({ source: text.slice(0, 3), model: 'm', messages: turns(text, 'reply', 'again') })))])
  const keptRows = (): unknown => db.prepare('SELECT count(*) FROM kept_columns').pluck().get()
  await add('one', 'two', 'three')
  await setTag(db, 'hard', [2], true)
  const first = conversationColumns(db, { keptFrom: 1 })
  const smaller = conversationColumns(db, { keptFrom: 5 })
  for (const reader of [first, smaller]) reader.current()
  smaller.keep(db)
  expect(keptRows()).toBe(0)
  first.keep(db)
  // A row each for the header, first messages, life, and fifteen columns.
  expect(keptRows()).toBe(18)

  // The rows are not read again: what nobody told of stays as it was kept.
  db.exec("UPDATE conversations SET turns = 99 WHERE position = 1")
  writeSignals(db, [{ conversation: 3, turnIndex: 2, decider: 'rules', deciderVersion: '1', label: 'satisfied', probability: 0, categories: ['praise'], evidence: null }])
  await setTag(db, 'hard', [3], true)
  await add('four')
  const next = conversationColumns(db, { keptFrom: 1 })
  const { columns } = next.current()
  expect([...columns.turns.subarray(1, columns.end)]).toEqual([3, 3, 3, 3])
  expect([...columns.labels.satisfied.subarray(1, columns.end)]).toEqual([0, 0, 1, 0])
  expect([...columns.probability.subarray(1, columns.end)]).toEqual([0, 0, 1, 0])
  expect(countFacets(columns, judge(columns, { tag: 'hard' }, null)).find(({ name }) => name === 'source')?.values).toEqual([{ value: 'thr', count: 1 }, { value: 'two', count: 1 }])
  expect([...next.firstMessages().subarray(1, columns.end)]).toEqual([1, 4, 7, 10])
  db.exec('DELETE FROM conversations WHERE position = 2')
  expect(keptRows()).toBe(0)
  expect(next.current().columns.alive[2]).toBe(0)
})

test('sorts by first words, whatever their case; later ones find their places, deleted ones leave', async () => {
  const db = anEmptyDatabase()
  onTestFinished(() => void db.close())
  const browser = conversationBrowser(db)
  let replies = 0
  const add = (...texts: string[]) => importFiles(db, [aJsonlFile(texts.map((text) => ({ messages: [{ role: 'system', content: 'Be kind.' }, ...turns(text, `reply ${++replies}`)] })))])
  const openings = (descending = false): string[] => browser.list(calls['conversations.list'].input.parse({ sort: 'opening', descending })).rows.map(({ snippet }) => snippet)
  await add('pear', 'Apple', '  fig tart ', 'apple pie', 'pear')
  expect(openings()).toEqual(['Apple', 'apple pie', 'fig tart', 'pear', 'pear'])
  expect(openings(true)).toEqual(['pear', 'pear', 'fig tart', 'apple pie', 'Apple'])
  await add('Banana', 'apple', 'zebra', '0', 'pear')
  expect(openings()).toEqual(['0', 'Apple', 'apple', 'apple pie', 'Banana', 'fig tart', 'pear', 'pear', 'pear', 'zebra'])
  await add('apple crumble')
  db.exec("DELETE FROM conversations WHERE position IN (SELECT conversation FROM messages WHERE content = 'Banana')")
  expect(openings()).toEqual(['0', 'Apple', 'apple', 'apple crumble', 'apple pie', 'fig tart', 'pear', 'pear', 'pear', 'zebra'])
})

test('the order by first words is kept with the columns, and read by the next reader', async () => {
  const file = join(aFolder(), 'workspace.db')
  const db = openDatabase(file)
  onTestFinished(() => void db.close())
  const add = (...texts: string[]) => importFiles(db, [aJsonlFile(texts.map((text) => ({ messages: turns(text, 'reply') })))])
  const sorted = (): { openings: number[]; keep(): void } => {
    const source = conversationColumns(db, { keptFrom: 1 })
    const order = openingOrder(db, 1)
    const ranks = order.ranks(source.current().columns, source.firstMessages())
    const openings = [...ranks.keys()].filter((position) => ranks[position]! > 0).sort((a, b) => ranks[a]! - ranks[b]!)
    return { openings, keep: () => (source.keep(db), order.keep(db)) }
  }
  await add('pear', 'apple', 'fig')
  const first = sorted()
  expect(first.openings).toEqual([2, 3, 1])
  first.keep()
  expect(db.prepare("SELECT length(bytes) FROM kept_columns WHERE name = 'openings'").pluck().get()).toBeGreaterThanOrEqual(16)
  // It is not read again: what stands there is believed, and what came since finds its place.
  db.exec("UPDATE messages SET content = 'aaa' WHERE id = (SELECT min(id) FROM messages WHERE conversation = 1)")
  await add('banana')
  expect(sorted().openings).toEqual([2, 4, 3, 1])
  db.exec('DELETE FROM conversations WHERE position = 3')
  expect(db.prepare('SELECT count(*) FROM kept_columns').pluck().get()).toBe(0)
  expect(sorted().openings).toEqual([1, 2, 4])
})

test('first words in any order of arrival end in the same order as read at once', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.array(fc.stringMatching(/^[a-cA-C ]{1,4}[a-c]$/), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (batches) => {
    const db = anEmptyDatabase()
    const browser = conversationBrowser(db)
    const ids = (known: ConversationBrowser): string[] => known.list(calls['conversations.list'].input.parse({ sort: 'opening' })).rows.map(({ id }) => id)
    for (const batch of batches) {
      await importFiles(db, [aJsonlFile(batch.map((text) => ({ messages: turns(text, 'reply') })))])
      expect(ids(browser)).toEqual(ids(conversationBrowser(db)))
    }
    db.close()
  }), { numRuns: 20 })
})

test('sorts by how well the words fit, by near-duplicates, and by what signals say, and tells the figure', async () => {
  const db = await aLog()
  onTestFinished(() => void db.close())
  await importFiles(db, [aJsonlFile([{ source: 'shop', messages: turns(`shoes ${'and a long story of something else '.repeat(9)}`, 'I see.', 'shoes') }])])
  const figures = (sort: string, filter = {}): unknown[] => list(db, { sort, descending: true, ...filter }).rows.map(({ figure }) => figure)
  const relevance = list(db, { sort: 'relevance', descending: true, query: 'shoes' }).rows
  expect(relevance.map(({ figure }) => figure)).toEqual(relevance.map(({ figure }) => figure).toSorted((a, b) => b! - a!))
  // bm25 of the turn "shoes", of one word: above all longer ones.
  const best = -(db.prepare("SELECT min(rank) FROM messages_fts WHERE messages_fts MATCH 'shoes'").pluck().get() as number)
  expect(relevance[0]?.figure).toBeCloseTo(best, 5)
  expect(relevance[0]?.snippet).toContain('shoes')
  expect(list(db, { sort: 'relevance', descending: true }).rows.map(({ figure }) => figure)).toEqual([null, null, null, null])
  db.exec("INSERT INTO conversation_sketches (conversation, sketch, near_group) VALUES (1, x'00', 1), (2, x'00', 2), (3, x'00', 1), (4, x'00', 0)")
  expect(figures('near')).toEqual([2, 2, null, null])
  expect(list(db, { sort: 'near', descending: true }).rows.slice(0, 2).map(({ turns: n }) => n).sort()).toEqual([2, 5])
  writeSignals(db, [{ conversation: 2, turnIndex: 2, label: 'neutral', probability: 0.25, categories: [], evidence: null, decider: 'human', deciderVersion: 'single' }])
  expect(figures('probability')).toEqual([1, expect.closeTo(0.25, 4), null, null])
  expect(figures('reviewed')).toEqual([1, 0, 0, 0])
  expect(figures('share')).toEqual([0.5, 0, null, null])
})

test('a label leaves tags, near-duplicates and personal data where they are', async () => {
  const db = await aLog()
  onTestFinished(() => void db.close())
  db.exec("INSERT INTO conversation_sketches (conversation, sketch, near_group) VALUES (1, x'00', 1), (3, x'00', 1); INSERT INTO personal_data VALUES (1, 'email', 2)")
  await setTag(db, 'hard', [1], true)
  const browser = conversationBrowser(db)
  const marks = (): number[] => [{ tag: 'hard' }, { near: 'yes' }, { personal: 'email' }].map((filter) => browser.list(calls['conversations.list'].input.parse(filter)).total)
  expect(marks()).toEqual([1, 2, 1])
  writeSignals(db, [{ conversation: 1, turnIndex: 2, label: 'neutral', probability: 0, categories: [], evidence: null, decider: 'human', deciderVersion: 'single' }])
  expect(marks()).toEqual([1, 2, 1])
})

test('what another connection writes is seen: rows, labels, tags, deletions', async () => {
  const file = join(aFolder(), 'workspace.db')
  const [db, other] = [openDatabase(file), openDatabase(file)]
  onTestFinished(() => (db.close(), other.close(), undefined))
  const browser: ConversationBrowser = conversationBrowser(db)
  const count = (filter: ConversationFilter): number => browser.list(calls['conversations.list'].input.parse(filter)).total
  const add = (...texts: string[]) => importFiles(other, [aJsonlFile(texts.map((text) => ({ messages: turns(text, 'reply', 'again') })))])
  expect(count({})).toBe(0)
  await add('one', 'two', 'three')
  expect([count({}), count({ query: 'two' }), count({ signal: 'satisfied' }), count({ tag: 'kept' })]).toEqual([3, 1, 0, 0])
  writeSignals(other, [{ conversation: 2, turnIndex: 2, decider: 'rules', deciderVersion: '1', label: 'satisfied', probability: 0, categories: ['praise'], evidence: null }])
  await setTag(other, 'kept', [1, 2], true)
  expect([count({ signal: 'satisfied' }), count({ category: 'praise' }), count({ tag: 'kept' })]).toEqual([1, 1, 2])
  other.exec('DELETE FROM conversations WHERE position IN (2, 3)')
  expect([count({}), count({ tag: 'kept' }), count({ query: 'reply' })]).toEqual([1, 1, 1])
  await add('four', 'five')
  expect([count({}), count({ query: 'five' }), count({ query: 'reply' }), count({ category: 'praise' })]).toEqual([3, 1, 3, 0])
  other.exec('DELETE FROM conversation_changes')
  other.prepare('INSERT INTO conversation_changes (id, conversation) VALUES (900000, NULL)').run()
  await setTag(other, 'kept', [2], true)
  expect(count({ tag: 'kept' })).toBe(2)
})
