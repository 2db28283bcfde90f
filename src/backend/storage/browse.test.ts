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
  // A row each for the header, first messages, life, and thirteen columns.
  expect(keptRows()).toBe(16)

  // The rows are not read again: what nobody told of stays as it was kept.
  db.exec("UPDATE conversations SET turns = 99 WHERE position = 1")
  writeSignals(db, [{ conversation: 3, turnIndex: 2, decider: 'rules', deciderVersion: '1', label: 'satisfied', probability: 0, categories: ['praise'], evidence: null }])
  await setTag(db, 'hard', [3], true)
  await add('four')
  const next = conversationColumns(db, { keptFrom: 1 })
  const { columns } = next.current()
  expect([...columns.turns.subarray(1, columns.end)]).toEqual([3, 3, 3, 3])
  expect([...columns.labels.satisfied.subarray(1, columns.end)]).toEqual([0, 0, 1, 0])
  expect(countFacets(columns, judge(columns, { tag: 'hard' }, null)).find(({ name }) => name === 'source')?.values).toEqual([{ value: 'thr', count: 1 }, { value: 'two', count: 1 }])
  expect([...next.firstMessages().subarray(1, columns.end)]).toEqual([1, 4, 7, 10])
  db.exec('DELETE FROM conversations WHERE position = 2')
  expect(keptRows()).toBe(0)
  expect(next.current().columns.alive[2]).toBe(0)
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
