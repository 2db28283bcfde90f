/** Filters, facet counts and orders over the columns of conversations. */
import { FACETS, type ConversationFilter, type ConversationSort, type Facet, type FacetName } from '../shared/browse.ts'
import { isMember, SET_COLUMNS, type Coded, type Columns, type Sets } from './conversation-columns.ts'

/**
 * A byte a position: 0 where the filter passes; the number of a facet (its place in FACETS, from 1) where its condition
 * alone fails, so that a facet counts what its own values would give; FAILS where nothing helps.
 */
export type Standing = Uint8Array
const FAILS = 255
const numberOf = (facet: FacetName): number => FACETS.indexOf(facet) + 1
const SHOWN_VALUES = 50
/** Beyond so many months years are counted. */
const MONTHS_SHOWN = 24

/** @param found where words are searched for: a byte a position, not 0 where they stand */
export function judge(columns: Columns, filter: ConversationFilter, found: Uint8Array | null): Standing {
  const { end, alive } = columns
  const standing = new Uint8Array(end)
  for (let i = 0; i < end; i++) if (alive[i] === 0 || (found !== null && !found[i])) standing[i] = FAILS
  const fail = (i: number, facet: number): void => void (standing[i] = standing[i] === 0 ? facet : FAILS)

  for (const name of ['source', 'model', 'language'] as const) {
    const wanted = filter[name]
    if (wanted === undefined) continue
    const accepted = acceptedCodes(columns[name], wanted)
    const { codes } = columns[name]
    const facet = numberOf(name)
    for (let i = 0; i < end; i++) if (accepted[codes[i]!] === 0) fail(i, facet)
  }
  if (filter.signal !== undefined) {
    const counts = columns.labels[filter.signal]
    const facet = numberOf('signal')
    for (let i = 0; i < end; i++) if (counts[i] === 0) fail(i, facet)
  }
  for (const name of SET_COLUMNS) {
    const wanted = filter[name]
    if (wanted === undefined) continue
    const bits = union(columns[name], wanted)
    const facet = numberOf(name)
    for (let i = 0; i < end; i++) if (!isMember(bits, i)) fail(i, facet)
  }
  const between = (name: FacetName, numbers: Uint32Array, least: number, most: number): void => {
    const facet = numberOf(name)
    for (let i = 0; i < end; i++) if (numbers[i]! < least || numbers[i]! > most) fail(i, facet)
  }
  if (filter.minTurns !== undefined || filter.maxTurns !== undefined) between('turns', columns.turns, filter.minTurns ?? 0, filter.maxTurns ?? Infinity)
  if (filter.minCharacters !== undefined || filter.maxCharacters !== undefined) between('length', columns.characters, filter.minCharacters ?? 0, filter.maxCharacters ?? Infinity)
  if (filter.from !== undefined || filter.to !== undefined) between('date', columns.day, filter.from === undefined ? 1 : dayNumber(filter.from, '0'), filter.to === undefined ? Infinity : dayNumber(filter.to, '9'))
  return standing
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

/** Conversations that pass. */
export function countPassing(standing: Standing): number {
  let count = 0
  for (let i = 0; i < standing.length; i++) if (standing[i] === 0) count += 1
  return count
}

export function countFacets(columns: Columns, standing: Standing): Facet[] {
  const coded = ({ codes, values }: Coded, name: FacetName): Facet => {
    const counts = new Uint32Array(values.length)
    const own = numberOf(name)
    for (let i = 0; i < standing.length; i++) if (standing[i] === 0 || standing[i] === own) counts[codes[i]!]! += 1
    return { name, values: mostFirst(values.map((value, code) => ({ value, count: code === 0 ? 0 : counts[code]! }))) }
  }
  const sets = (given: Sets, name: FacetName): Facet => {
    const passing = passingBits(standing, numberOf(name))
    return { name, values: mostFirst([...given].map(([value, bits]) => ({ value, count: countCommon(bits, passing) }))) }
  }
  const ranges = (numbers: Uint32Array, bounds: readonly number[], name: FacetName): Facet => {
    const counts = new Uint32Array(bounds.length)
    const own = numberOf(name)
    for (let i = 0; i < standing.length; i++) {
      if (standing[i] !== 0 && standing[i] !== own) continue
      let at = bounds.length - 1
      while (at > 0 && numbers[i]! < bounds[at]!) at -= 1
      counts[at]! += 1
    }
    return { name, values: bounds.map((least, at) => ({ value: at === bounds.length - 1 ? `${least}..` : `${least}..${bounds[at + 1]! - 1}`, count: counts[at]! })).filter(({ count }) => count > 0) }
  }
  return [
    { name: 'signal', values: countLabels(columns, standing) },
    sets(columns.category, 'category'),
    sets(columns.tag, 'tag'),
    coded(columns.source, 'source'),
    coded(columns.model, 'model'),
    coded(columns.language, 'language'),
    ranges(columns.turns, TURN_BOUNDS, 'turns'),
    ranges(columns.characters, LENGTH_BOUNDS, 'length'),
    { name: 'date', values: countDates(columns, standing) },
    sets(columns.near, 'near'),
    sets(columns.personal, 'personal'),
  ]
}
/** Least of each range; messages of a conversation, and characters. */
const TURN_BOUNDS = [1, 3, 5, 9, 17]
const LENGTH_BOUNDS = [0, 500, 2000, 8000, 32_000]

const mostFirst = (values: Facet['values']): Facet['values'] => values.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, SHOWN_VALUES)

function countLabels({ labels }: Columns, standing: Standing): Facet['values'] {
  const own = numberOf('signal')
  return (['dissatisfied', 'neutral', 'satisfied'] as const)
    .map((value) => {
      let count = 0
      for (let i = 0; i < standing.length; i++) if ((standing[i] === 0 || standing[i] === own) && labels[value][i]! > 0) count += 1
      return { value, count }
    })
    .filter(({ count }) => count > 0)
}

/** Months where there are few of them, else years; newest first. */
function countDates({ day }: Columns, standing: Standing): Facet['values'] {
  const own = numberOf('date')
  const months = new Map<number, number>()
  const counts = new Uint32Array(10_000 * 12)
  for (let i = 0; i < standing.length; i++) {
    if ((standing[i] !== 0 && standing[i] !== own) || day[i] === 0) continue
    const month = Math.floor(day[i]! / 100)
    counts[Math.floor(month / 100) * 12 + (month % 100) - 1]! += 1
  }
  counts.forEach((count, at) => {
    if (count > 0) months.set(at, count)
  })
  const write = (at: number): string => `${String(Math.floor(at / 12)).padStart(4, '0')}-${String((at % 12) + 1).padStart(2, '0')}`
  const byMonth = [...months].map(([at, count]) => ({ value: write(at), count })).reverse()
  if (byMonth.length <= MONTHS_SHOWN) return byMonth
  return [...Map.groupBy(byMonth, ({ value }) => value.slice(0, 4))].map(([value, own]) => ({ value, count: own.reduce((sum, { count }) => sum + count, 0) }))
}

function passingBits(standing: Standing, own: number): Uint32Array {
  const bits = new Uint32Array((standing.length >>> 5) + 1)
  for (let i = 0; i < standing.length; i++) if (standing[i] === 0 || standing[i] === own) bits[i >>> 5]! |= 1 << (i & 31)
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

/** Every position, ascending by a column, equal ones as imported; those without a value last whichever way round. */
export type Order = { positions: Uint32Array; valued: number }

export function orderBy(columns: Columns, sort: Exclude<ConversationSort, 'imported'>): Order {
  const keys = sortKeys(columns, sort)
  const { end, alive } = columns
  const mayMiss = sort === 'date' || sort === 'model' || sort === 'language'
  const positions = new Uint32Array(end)
  let valued = 0
  for (let i = 0; i < end; i++) if (alive[i] === 1 && !(mayMiss && keys[i] === 0)) positions[valued++] = i
  let all = valued
  if (mayMiss) for (let i = 0; i < end; i++) if (alive[i] === 1 && keys[i] === 0) positions[all++] = i
  return { positions: sortByKeys(positions.subarray(0, all), valued, keys), valued }
}

/** The first `count` positions by their keys, stable: by the low 16 bits, then by the high ones where there are any. */
function sortByKeys(positions: Uint32Array, count: number, keys: Uint32Array | Uint16Array): Uint32Array {
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

/** The positions that pass, in order. */
export function passingInOrder(standing: Standing, order: Order | null, descending: boolean): Uint32Array {
  const passing = new Uint32Array(countPassing(standing))
  let at = 0
  const take = (position: number): void => {
    if (standing[position] === 0) passing[at++] = position
  }
  const { positions, valued } = order ?? { positions: null, valued: standing.length }
  if (descending) for (let i = valued - 1; i >= 0; i--) take(positions === null ? i : positions[i]!)
  else for (let i = 0; i < valued; i++) take(positions === null ? i : positions[i]!)
  if (positions !== null) for (let i = valued; i < positions.length; i++) take(positions[i]!)
  return passing
}

function sortKeys(columns: Columns, sort: Exclude<ConversationSort, 'imported'>): Uint32Array | Uint16Array {
  switch (sort) {
    case 'turns': return columns.turns
    case 'length': return columns.characters
    case 'date': return columns.day
    case 'dissatisfied': return columns.labels.dissatisfied
    case 'source': case 'model': case 'language': {
      const { codes, values } = columns[sort]
      const ranks = new Uint16Array(values.length)
      values.map((value, code) => ({ value, code })).slice(1).sort((a, b) => (a.value < b.value ? -1 : 1)).forEach(({ code }, rank) => void (ranks[code] = rank + 1))
      return codes.map((code) => ranks[code]!)
    }
  }
}
