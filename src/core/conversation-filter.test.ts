import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConversationFilter } from '../shared/browse.ts'
import { CONVERSATION_SORTS, FACETS } from '../shared/facets.ts'
import { addJudgement, addMember, makeColumns, removeRow, setRow, type Columns, type ColumnRow } from './conversation-columns.ts'
import { countFacets, figureOf, judge, passingInOrder, sortKeys } from './conversation-filter.ts'

type Row = ColumnRow & { categories: string[]; tags: string[]; kinds: string[]; judged: { probability: number; byPerson: boolean }[] }

const word = fc.constantFrom('a', 'ab', 'b', 'c')
const row: fc.Arbitrary<Omit<Row, 'position'>> = fc.record({
  source: word, model: fc.option(word), language: fc.option(word),
  turns: fc.nat(20), characters: fc.oneof(fc.nat(3000), fc.nat(90_000)), day: fc.constantFrom(0, 20230105, 20230131, 20240301, 20240315),
  dissatisfied: fc.nat(2), satisfied: fc.nat(2), neutral: fc.nat(2),
  categories: fc.uniqueArray(word), tags: fc.uniqueArray(word), kinds: fc.uniqueArray(word),
  judged: fc.array(fc.record({ probability: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100), byPerson: fc.boolean() }), { maxLength: 3 }),
})
const rows = fc.array(row, { maxLength: 40 }).map((all) => all.map((one, i): Row => ({ ...one, position: 2 * i + 1 })))
const text = fc.constantFrom('a', 'a*', 'b', 'zz')
const filters: fc.Arbitrary<ConversationFilter> = fc.record({
  source: text, model: text, language: text, category: text, tag: text,
  signal: fc.constantFrom('dissatisfied', 'satisfied', 'neutral'),
  minTurns: fc.nat(20), maxTurns: fc.nat(20), minCharacters: fc.nat(3000), maxCharacters: fc.nat(90_000),
  from: fc.constantFrom('2023', '2023-01', '2024-03-02'), to: fc.constantFrom('2023-01', '2023-01-30', '2024'),
}, { requiredKeys: [] })

function columnsOf(given: readonly Row[]): Columns {
  const columns = makeColumns(4)
  for (const one of given) {
    setRow(columns, one)
    for (const value of one.categories) addMember(columns.category, value, one.position)
    for (const value of one.tags) addMember(columns.tag, value, one.position)
    for (const value of one.kinds) addMember(columns.personal, value, one.position)
    for (const { probability, byPerson } of one.judged) addJudgement(columns, one.position, probability, byPerson)
  }
  return columns
}

const matches = (value: string, wanted: string): boolean => (wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted)
const written = (day: number): string => String(day).replace(/(\d{4})(\d\d)(\d\d)/, '$1-$2-$3')
/** Whether a row meets each of a filter's conditions, by facet; a plain reading of the filter. */
const conditions = (row: Row, f: ConversationFilter): Record<string, boolean> => ({
  source: f.source === undefined || matches(row.source, f.source),
  model: f.model === undefined || (row.model !== null && matches(row.model, f.model)),
  language: f.language === undefined || (row.language !== null && matches(row.language, f.language)),
  category: f.category === undefined || row.categories.some((value) => matches(value, f.category!)),
  tag: f.tag === undefined || row.tags.some((value) => matches(value, f.tag!)),
  signal: f.signal === undefined || row[f.signal] > 0,
  turns: row.turns >= (f.minTurns ?? 0) && row.turns <= (f.maxTurns ?? Infinity),
  length: row.characters >= (f.minCharacters ?? 0) && row.characters <= (f.maxCharacters ?? Infinity),
  date: (f.from === undefined && f.to === undefined) || (row.day > 0 && written(row.day).slice(0, f.from?.length) >= (f.from ?? '') && written(row.day).slice(0, f.to?.length ?? 0) <= (f.to ?? '')),
})
const passes = (row: Row, filter: ConversationFilter, except = ''): boolean => Object.entries(conditions(row, filter)).every(([facet, met]) => met || facet === except)

test('a filter passes the rows that meet all of its conditions', () => {
  fc.assert(fc.property(rows, filters, (given, filter) => {
    expect([...judge(columnsOf(given), filter, null).passing]).toEqual(given.filter((row) => passes(row, filter)).map(({ position }) => position))
  }))
})

test('a facet counts rows under the conditions of the other facets', () => {
  const valuesOf = (row: Row): Record<string, (string | null)[]> => ({
    source: [row.source], model: [row.model], language: [row.language], category: row.categories, tag: row.tags,
    signal: (['dissatisfied', 'neutral', 'satisfied'] as const).filter((label) => row[label] > 0),
    turns: [row.turns < 3 ? '1..2' : row.turns < 5 ? '3..4' : row.turns < 9 ? '5..8' : row.turns < 17 ? '9..16' : '17..'],
    length: [row.characters < 500 ? '0..499' : row.characters < 2000 ? '500..1999' : row.characters < 8000 ? '2000..7999' : row.characters < 32_000 ? '8000..31999' : '32000..'],
    date: [row.day === 0 ? null : written(row.day).slice(0, 7)],
    near: [], personal: row.kinds,
  })
  fc.assert(fc.property(rows, filters, (given, filter) => {
    const columns = columnsOf(given)
    for (const { name, values } of countFacets(columns, judge(columns, filter, null))) {
      const expected: Record<string, number> = {}
      for (const row of given.filter((row) => passes(row, filter, name))) for (const value of valuesOf(row)[name]!) if (value !== null) expected[value] = (expected[value] ?? 0) + 1
      expect({ [name]: Object.fromEntries(values.map(({ value, count }) => [value, count])) }).toEqual({ [name]: expected })
    }
  }))
})

test('orders ascend and descend, equal ones as imported or reversed, those without a value last', () => {
  const judgedTurns = (row: Row): number => row.dissatisfied + row.satisfied + row.neutral
  const key = {
    turns: (row: Row) => row.turns, length: (row: Row) => row.characters, dissatisfied: (row: Row) => row.dissatisfied, satisfied: (row: Row) => row.satisfied, neutral: (row: Row) => row.neutral,
    date: (row: Row) => row.day || null, source: (row: Row) => row.source, model: (row: Row) => row.model, language: (row: Row) => row.language,
    share: (row: Row) => (judgedTurns(row) === 0 ? null : row.dissatisfied / judgedTurns(row)),
    probability: (row: Row) => (row.judged.length === 0 ? null : Math.max(...row.judged.map(({ probability }) => probability))),
    reviewed: (row: Row) => row.judged.filter(({ byPerson }) => byPerson).length,
    category: (row: Row) => row.categories.length || null, personal: (row: Row) => row.kinds.length || null, tag: (row: Row) => [...row.tags].sort()[0] ?? null,
  }
  const sorts = CONVERSATION_SORTS.filter((sort): sort is keyof typeof key => sort in key)
  // The others' keys come from the database: `browse.test.ts`.
  expect(CONVERSATION_SORTS.filter((sort) => !(sort in key))).toEqual(['imported', 'opening', 'near', 'relevance'])
  fc.assert(fc.property(rows, fc.constantFrom(...sorts), fc.boolean(), (given, sort, descending) => {
    const columns = columnsOf(given)
    const rank = (row: Row): number | string | null => key[sort](row)
    const valued = given.filter((row) => rank(row) !== null).sort((a, b) => (rank(a)! < rank(b)! ? -1 : rank(a)! > rank(b)! ? 1 : a.position - b.position))
    const expected = [...(descending ? valued.reverse() : valued), ...given.filter((row) => rank(row) === null)]
    const keys = sortKeys(columns, sort)
    expect([...passingInOrder(judge(columns, {}, null), sort, descending, keys)]).toEqual(expected.map(({ position }) => position))
    if (sort === 'share' || sort === 'probability' || sort === 'category' || sort === 'reviewed') for (const row of given) expect(figureOf(sort, keys[row.position]!)).toSatisfy((figure: number | null) => (key[sort](row) === null ? figure === null : Math.abs(figure! - key[sort](row)!) < 1e-4))
  }))
})

test('what was removed or not found by words passes nothing', () => {
  const given = fc.sample(rows.filter((all) => all.length > 5), 1)[0]!
  const columns = columnsOf(given)
  removeRow(columns, given[0]!.position)
  expect([columns.probability[given[0]!.position], columns.reviewed[given[0]!.position]]).toEqual([0, 0])
  const found = Uint32Array.of(given[0]!.position, given[1]!.position)
  expect([...judge(columns, {}, found).passing]).toEqual([given[1]!.position])
  expect(judge(columns, {}, null).passing).toHaveLength(given.length - 1)
})

test('months become years where there are many', () => {
  const columns = makeColumns(4)
  for (let i = 0; i < 30; i++) setRow(columns, { position: i, source: 's', model: null, language: null, turns: 2, characters: 9, day: (2020 + Math.floor(i / 12)) * 10_000 + ((i % 12) + 1) * 100 + 3, dissatisfied: 0, satisfied: 0, neutral: 0 })
  const dates = (filter: ConversationFilter) => countFacets(columns, judge(columns, filter, null))[FACETS.indexOf('date')]!.values
  expect(dates({})).toEqual([{ value: '2022', count: 6 }, { value: '2021', count: 12 }, { value: '2020', count: 12 }])
})
