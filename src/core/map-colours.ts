/** What colours the points of the map of conversations: a facet's values as places in a legend. */
import { NOT_PASSING, type MapColour, type MapLegendEntry } from '../shared/conversation-map.ts'
import type { Coded, Columns } from './conversation-columns.ts'
import { LENGTHS, rangeValue, TURNS, type Ranges } from './conversation-filter.ts'

/** Colours that stay apart from each other; rarer values share one. */
const MOST_VALUES = 8

/** `codes[i]`: the legend entry of the conversation at `positions[i]`. Entries without a point are left out. */
export function colourBy(columns: Columns, positions: Uint32Array, colour: MapColour): { codes: Uint8Array; legend: MapLegendEntry[] } {
  switch (colour) {
    case 'source': case 'model': case 'language': return byRank(positions, columns[colour].codes, (code) => codedLabel(columns[colour], code))
    case 'date': return byOrder(positions, (position) => Math.floor(columns.day[position]! / 10_000))
    case 'turns': return byRange(positions, columns.turns, TURNS)
    case 'length': return byRange(positions, columns.characters, LENGTHS)
    case 'signal': {
      const { dissatisfied, satisfied, neutral } = columns.labels
      const entries = ['dissatisfied', 'satisfied', 'neutral', null]
      return named(positions, (position) => (dissatisfied[position]! > 0 ? 0 : satisfied[position]! > 0 ? 1 : neutral[position]! > 0 ? 2 : 3), entries.map((value) => ({ value, label: value ?? 'no signal' })))
    }
  }
}

/** Points that do not pass a filter are no colour. @param passing positions, ascending */
export function fadeOthers(codes: Uint8Array, positions: Uint32Array, passing: Uint32Array): { codes: Uint8Array; passing: number } {
  const shown = new Uint8Array(codes.length).fill(NOT_PASSING)
  let count = 0
  for (let i = 0, k = 0; i < positions.length && k < passing.length; i++) {
    while (k < passing.length && passing[k]! < positions[i]!) k += 1
    if (passing[k] !== positions[i]) continue
    shown[i] = codes[i]!
    count += 1
  }
  return { codes: shown, passing: count }
}

type Label = Omit<MapLegendEntry, 'count'>
const codedLabel = ({ values }: Coded, code: number): Label => (code === 0 ? { value: null, label: 'none' } : { value: values[code]!, label: values[code]! })

function named(positions: Uint32Array, placeOf: (position: number) => number, labels: readonly Label[]): { codes: Uint8Array; legend: MapLegendEntry[] } {
  const counts = new Uint32Array(labels.length)
  const places = Uint8Array.from(positions, placeOf)
  for (const place of places) counts[place]! += 1
  const kept = labels.flatMap((_, place) => (counts[place]! > 0 ? [place] : []))
  const codeOf = Uint8Array.from(labels, (_, place) => Math.max(0, kept.indexOf(place)))
  return { codes: places.map((place) => codeOf[place]!), legend: kept.map((place) => ({ ...labels[place]!, count: counts[place]! })) }
}

/** The most frequent values first, the others together, those without one last. */
function byRank(positions: Uint32Array, valueOf: Uint16Array, label: (value: number) => Label): { codes: Uint8Array; legend: MapLegendEntry[] } {
  const counts = new Map<number, number>()
  for (const position of positions) counts.set(valueOf[position]!, (counts.get(valueOf[position]!) ?? 0) + 1)
  const ranked = [...counts].filter(([value]) => value !== 0).sort((a, b) => b[1] - a[1] || (label(a[0]).label < label(b[0]).label ? -1 : 1)).map(([value]) => value)
  const own = ranked.length > MOST_VALUES ? ranked.slice(0, MOST_VALUES - 1) : ranked
  const place = new Map(own.map((value, at) => [value, at]))
  return named(positions, (position) => (valueOf[position] === 0 ? own.length + 1 : (place.get(valueOf[position]!) ?? own.length)), [...own.map(label), { value: null, label: `${ranked.length - own.length} others` }, label(0)])
}

/** Years: the newest, those before them together. */
function byOrder(positions: Uint32Array, yearOf: (position: number) => number): { codes: Uint8Array; legend: MapLegendEntry[] } {
  const years = [...new Set(Array.from(positions, yearOf))].filter((year) => year > 0).sort((a, b) => a - b)
  const own = years.length > MOST_VALUES ? years.slice(1 - MOST_VALUES) : years
  const early = years.length > own.length
  const labels: Label[] = [...(early ? [{ value: null, label: `before ${own[0]}` }] : []), ...own.map((year) => ({ value: String(year), label: String(year) })), { value: null, label: 'no date' }]
  return named(positions, (position) => {
    const year = yearOf(position)
    return year === 0 ? labels.length - 1 : Math.max(0, own.indexOf(year) + Number(early))
  }, labels)
}

function byRange(positions: Uint32Array, numbers: Uint32Array, ranges: Ranges): { codes: Uint8Array; legend: MapLegendEntry[] } {
  const values = ranges.bounds.map((_, at) => rangeValue(ranges, at))
  return named(positions, (position) => ranges.rangeOf[Math.min(numbers[position]!, ranges.last)]!, values.map((value) => ({ value, label: value })))
}
