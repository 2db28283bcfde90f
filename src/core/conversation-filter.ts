/** Filters, facet counts and orders over the columns of conversations. */
import type { ConversationFilter } from '../shared/browse.ts'
import { FACETS, type ConversationSort, type Facet, type FacetName } from '../shared/facets.ts'
import { CODED_COLUMNS, eachMember, isMember, SET_COLUMNS, type Coded, type Columns, type Sets } from './conversation-columns.ts'

/**
 * Positions, each list ascending: where the filter passes, and where the condition of one facet alone fails, so that a
 * facet counts what its own values would give.
 */
export type Standing = { passing: Uint32Array; failing: ReadonlyMap<FacetName, Uint32Array> }
/** Stands for more conditions than one, beside the places of facets in FACETS from 1 on. */
const FAILS = 255
const numberOf = (facet: FacetName): number => FACETS.indexOf(facet) + 1
const SHOWN_VALUES = 50
/** Beyond so many months years are counted. */
const MONTHS_SHOWN = 24

/** @param found where words are searched for: the positions that hold them, ascending */
export function judge(columns: Columns, filter: ConversationFilter, found: Uint32Array | null): Standing {
  const candidates = aliveAmong(found, columns)
  const failed = new Uint8Array(candidates.length)
  const fail = (k: number, facet: number): void => void (failed[k] = failed[k] === 0 ? facet : FAILS)

  for (const name of CODED_COLUMNS) {
    const wanted = filter[name]
    if (wanted === undefined) continue
    const accepted = acceptedCodes(columns[name], wanted)
    const { codes } = columns[name]
    const facet = numberOf(name)
    for (let k = 0; k < candidates.length; k++) if (accepted[codes[candidates[k]!]!] === 0) fail(k, facet)
  }
  if (filter.signal !== undefined) {
    const counts = columns.labels[filter.signal]
    const facet = numberOf('signal')
    for (let k = 0; k < candidates.length; k++) if (counts[candidates[k]!] === 0) fail(k, facet)
  }
  for (const name of SET_COLUMNS) {
    const wanted = filter[name]
    if (wanted === undefined) continue
    const bits = union(columns[name], wanted)
    const facet = numberOf(name)
    for (let k = 0; k < candidates.length; k++) if (!isMember(bits, candidates[k]!)) fail(k, facet)
  }
  const between = (name: FacetName, numbers: Uint32Array, least: number, most: number): void => {
    const facet = numberOf(name)
    for (let k = 0; k < candidates.length; k++) {
      const number = numbers[candidates[k]!]!
      if (number < least || number > most) fail(k, facet)
    }
  }
  if (filter.minTurns !== undefined || filter.maxTurns !== undefined) between('turns', columns.turns, filter.minTurns ?? 0, filter.maxTurns ?? Infinity)
  if (filter.minCharacters !== undefined || filter.maxCharacters !== undefined) between('length', columns.characters, filter.minCharacters ?? 0, filter.maxCharacters ?? Infinity)
  if (filter.from !== undefined || filter.to !== undefined) between('date', columns.day, filter.from === undefined ? 1 : dayNumber(filter.from, '0'), filter.to === undefined ? Infinity : dayNumber(filter.to, '9'))

  const counts = new Uint32Array(FAILS + 1)
  for (let k = 0; k < failed.length; k++) counts[failed[k]!]! += 1
  const where = (number: number): Uint32Array => {
    if (counts[number] === candidates.length) return candidates
    const positions = new Uint32Array(counts[number]!)
    for (let k = 0, at = 0; at < positions.length; k++) if (failed[k] === number) positions[at++] = candidates[k]!
    return positions
  }
  return { passing: where(0), failing: new Map(FACETS.filter((name) => counts[numberOf(name)]! > 0).map((name) => [name, where(numberOf(name))])) }
}

/** Of the positions given, or of all. */
function aliveAmong(given: Uint32Array | null, { alive, end }: Columns): Uint32Array {
  const length = given?.length ?? end
  const positions = new Uint32Array(length)
  let count = 0
  for (let k = 0; k < length; k++) {
    const position = given === null ? k : given[k]!
    if (alive[position] === 1) positions[count++] = position
  }
  return positions.subarray(0, count)
}

/** 2024-03 as its first (`0`) or last (`9`) possible day, in digits: 20240300, 20240399. */
const dayNumber = (date: string, rest: '0' | '9'): number => Number(date.replaceAll('-', '').padEnd(8, rest))

const matcher = (wanted: string): ((value: string) => boolean) => (wanted.endsWith('*') ? (value) => value.startsWith(wanted.slice(0, -1)) : (value) => value === wanted)

function acceptedCodes({ values }: Coded, wanted: string): Uint8Array {
  const matches = matcher(wanted)
  return Uint8Array.from(values, (value, code) => Number(code > 0 && matches(value)))
}

function union(sets: Sets, wanted: string): Uint32Array {
  const own = [...sets].filter(([value]) => matcher(wanted)(value)).map(([, bits]) => bits)
  if (own.length === 1) return own[0]!
  const all = new Uint32Array(Math.max(0, ...own.map((bits) => bits.length)))
  for (const bits of own) bits.forEach((word, i) => void (all[i]! |= word))
  return all
}

export function countFacets(columns: Columns, { passing, failing }: Standing): Facet[] {
  const none = new Uint32Array(0)
  /** Positions a facet counts: where nothing but its own condition fails. */
  const counted = (name: FacetName): Uint32Array[] => [passing, failing.get(name) ?? none]
  const countOf = (name: FacetName, size: number, bucketOf: (position: number) => number): Uint32Array => {
    const counts = new Uint32Array(size)
    for (const positions of counted(name)) for (let k = 0; k < positions.length; k++) counts[bucketOf(positions[k]!)]! += 1
    return counts
  }
  const coded = ({ codes, values }: Coded, name: FacetName): Facet => {
    const counts = countOf(name, values.length, (position) => codes[position]!)
    return { name, values: mostFirst(values.map((value, code) => ({ value, count: code === 0 ? 0 : counts[code]! }))) }
  }
  const sets = (given: Sets, name: FacetName): Facet => {
    const passingBits = given.size === 0 ? none : bitsOf(counted(name), columns.end)
    return { name, values: mostFirst([...given].map(([value, bits]) => ({ value, count: countCommon(bits, passingBits) }))) }
  }
  const ranges = (numbers: Uint32Array, all: Ranges, name: FacetName): Facet => {
    const counts = countOf(name, all.bounds.length, (position) => all.rangeOf[Math.min(numbers[position]!, all.last)]!)
    return { name, values: all.bounds.map((_, at) => ({ value: rangeValue(all, at), count: counts[at]! })).filter(({ count }) => count > 0) }
  }
  return [
    { name: 'signal', values: (['dissatisfied', 'neutral', 'satisfied'] as const).map((value) => ({ value, count: countOf('signal', 2, (position) => Number(columns.labels[value][position]! > 0))[1]! })).filter(({ count }) => count > 0) },
    sets(columns.category, 'category'),
    sets(columns.tag, 'tag'),
    coded(columns.source, 'source'),
    coded(columns.model, 'model'),
    coded(columns.language, 'language'),
    ranges(columns.turns, TURNS, 'turns'),
    ranges(columns.characters, LENGTHS, 'length'),
    { name: 'date', values: datesOf(countOf('date', 10_000 * 100, (position) => Math.floor(columns.day[position]! / 100))) },
    sets(columns.near, 'near'),
    sets(columns.personal, 'personal'),
  ]
}
export type Ranges = { bounds: readonly number[]; last: number; rangeOf: Uint8Array }
/** The range of a number is looked up, not compared for: of a million unordered numbers most comparisons are guessed wrong. */
function rangesFrom(bounds: readonly number[]): Ranges {
  const last = bounds.at(-1)!
  return { bounds, last, rangeOf: Uint8Array.from({ length: last + 1 }, (_, number) => Math.max(0, bounds.findLastIndex((least) => least <= number))) }
}
/** A range as the search field takes it: `3..4`, `17..`. */
export const rangeValue = ({ bounds, last }: Ranges, at: number): string => (bounds[at] === last ? `${last}..` : `${bounds[at]}..${bounds[at + 1]! - 1}`)
/** By the least of each; messages of a conversation, and characters. */
export const TURNS = rangesFrom([1, 3, 5, 9, 17])
export const LENGTHS = rangesFrom([0, 500, 2000, 8000, 32_000])

const mostFirst = (values: Facet['values']): Facet['values'] => values.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, SHOWN_VALUES)

/** Months where there are few of them, else years; newest first. @param counts by month as 202403; 0 for none */
function datesOf(counts: Uint32Array): Facet['values'] {
  const byMonth: Facet['values'] = []
  for (let month = counts.length - 1; month > 0; month--) {
    if (counts[month]! > 0) byMonth.push({ value: `${String(Math.floor(month / 100)).padStart(4, '0')}-${String(month % 100).padStart(2, '0')}`, count: counts[month]! })
  }
  if (byMonth.length <= MONTHS_SHOWN) return byMonth
  return [...Map.groupBy(byMonth, ({ value }) => value.slice(0, 4))].map(([value, own]) => ({ value, count: own.reduce((sum, { count }) => sum + count, 0) }))
}

function bitsOf(lists: readonly Uint32Array[], end: number): Uint32Array {
  const bits = new Uint32Array((end >>> 5) + 1)
  for (const positions of lists) for (let k = 0; k < positions.length; k++) bits[positions[k]! >>> 5]! |= 1 << (positions[k]! & 31)
  return bits
}

function countCommon(a: Uint32Array, b: Uint32Array): number {
  let count = 0
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    // Bits set in a word, by halves (Hacker's Delight, 5-1).
    let word = a[i]! & b[i]!
    word -= (word >>> 1) & 0x5555_5555
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333)
    count += Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
  }
  return count
}

/** What the columns hold no keys of. */
export type GivenSort = Extract<ConversationSort, 'opening' | 'near' | 'relevance'>
export type SortKeys = Uint32Array | Uint16Array
/** Every conversation has a value, be it 0. */
const ALWAYS_VALUED: readonly ConversationSort[] = ['source', 'opening', 'turns', 'length', 'dissatisfied', 'satisfied', 'neutral', 'reviewed']

/**
 * What passes by a column, equal ones as imported or all the other way round; those without a value last either way.
 * @param keys by position: of `sortKeys`, or those that the sort is given
 */
export function passingInOrder({ passing }: Standing, sort: ConversationSort, descending: boolean, keys: SortKeys): Uint32Array {
  const mayMiss = !ALWAYS_VALUED.includes(sort)
  const positions = new Uint32Array(passing.length)
  let valued = 0
  for (const position of passing) if (!mayMiss || keys[position] !== 0) positions[valued++] = position
  let all = valued
  if (all < passing.length) for (const position of passing) if (keys[position] === 0) positions[all++] = position
  const ordered = sortByKeys(positions, valued, keys)
  if (descending) ordered.subarray(0, valued).reverse()
  return ordered
}

/** The first `count` positions by their keys, stable: by the low 16 bits, then by the high ones where there are any. */
export function sortByKeys(positions: Uint32Array, count: number, keys: SortKeys): Uint32Array {
  let from = positions
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65_537)
    for (let i = 0; i < count; i++) starts[((keys[from[i]!]! >>> shift) & 0xffff) + 1]! += 1
    if (starts[1] === count) continue
    for (let digit = 1; digit < starts.length; digit++) starts[digit]! += starts[digit - 1]!
    const to = from.slice()
    for (let i = 0; i < count; i++) to[starts[(keys[from[i]!]! >>> shift) & 0xffff]!++] = from[i]!
    from = to
  }
  return from
}

/** By position; 0 where there is no value, or it is 0. */
export function sortKeys(columns: Columns, sort: Exclude<ConversationSort, 'imported' | GivenSort>): SortKeys {
  switch (sort) {
    case 'turns': return columns.turns
    case 'length': return columns.characters
    case 'date': return columns.day
    case 'dissatisfied': case 'satisfied': case 'neutral': return columns.labels[sort]
    case 'probability': case 'reviewed': return columns[sort]
    case 'share': return shareKeys(columns)
    case 'category': case 'personal': return countSets(columns[sort], columns.end)
    case 'tag': return firstOfSets(columns.tag, columns.end)
    case 'source': case 'model': case 'language': {
      const { codes, values } = columns[sort]
      const ranks = new Uint16Array(values.length)
      values.map((value, code) => ({ value, code })).slice(1).sort((a, b) => (a.value < b.value ? -1 : 1)).forEach(({ code }, rank) => void (ranks[code] = rank + 1))
      return codes.map((code) => ranks[code]!)
    }
  }
}

/** Dissatisfied of the judged turns, from 1 for none to 65,535 for all; 0 where none is judged. */
function shareKeys({ labels: { dissatisfied, satisfied, neutral }, end }: Columns): Uint16Array {
  const keys = new Uint16Array(end)
  for (let position = 0; position < end; position++) {
    const judged = dissatisfied[position]! + satisfied[position]! + neutral[position]!
    if (judged > 0) keys[position] = 1 + Math.round((65_534 * dissatisfied[position]!) / judged)
  }
  return keys
}

/** How many of the sets a position is in. */
function countSets(sets: Sets, end: number): Uint16Array {
  const counts = new Uint16Array(end)
  for (const bits of sets.values()) eachMember(bits, end, (position) => void (counts[position]! += 1))
  return counts
}

/** Place of the first set by name that a position is in, from 1 on. */
function firstOfSets(sets: Sets, end: number): Uint32Array {
  const keys = new Uint32Array(end)
  const byName = [...sets].sort(([a], [b]) => (a < b ? -1 : 1))
  for (let place = byName.length; place > 0; place--) eachMember(byName[place - 1]![1], end, (position) => void (keys[position] = place))
  return keys
}

/** The value behind a key: shares and probabilities from 0 to 1, relevance as float32 bits, else a count. Null: none. */
export function figureOf(sort: ConversationSort, key: number): number | null {
  if (key === 0) return ALWAYS_VALUED.includes(sort) ? 0 : null
  if (sort === 'share' || sort === 'probability') return (key - 1) / 65_534
  return sort === 'relevance' ? new Float32Array(Uint32Array.of(key).buffer)[0]! : key
}
