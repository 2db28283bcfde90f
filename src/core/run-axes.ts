/** The table's runs on parallel axes: where each lies on a setting or a figure, and which lie within a brush. */
import { differingSettings, figureOf, scatterFields, type TableRun } from './run-table.ts'
import { quantile } from './statistics.ts'

export type RunAxis = {
  key: string
  /** Numbers lie evenly or by their logarithm, names in their order from the top. */
  scale: 'linear' | 'log' | 'names'
  /** Of numbers that are known. */
  low: number
  high: number
  /** Each has a slot, whose middle is its place. */
  names: ReadonlyMap<string, number>
  ticks: { value: number | string; place: number }[]
  /** Runs without a value; they lie at UNKNOWN. */
  unknown: number
}

/** Below every axis, so that a run without a value is seen where one stands. */
export const UNKNOWN = -0.14
/** Slots above it belong to the known values. */
const KNOWN_FROM = UNKNOWN / 2
/** The highest value by the lowest from which a logarithm tells neighbours apart better; from the lower one on where most values crowd at the low end. */
const LOG_FROM = { crowded: 10, any: 100 }
const CROWDED = 0.35
/** So many different numbers are ticks themselves, where they do not touch. */
const FEW = 6
const TICK_GAP = 0.07
const TICKS = 5
/** More axes than this leave no room between them; the others are there to choose. */
const MOST_AXES = 8

/** What can be an axis, and the axes where none are chosen: the method and the settings that differ, seeds left out, then `figure`. */
export function axisFields(rows: readonly TableRun[], figure: string): { offered: string[]; chosen: string[]; left: number } {
  const settings = differingSettings(rows).filter((key) => key !== 'recipe')
  const method = new Set(rows.map(({ run }) => run.method)).size > 1 ? [METHOD] : []
  const own = [...method, ...settings.filter((key) => key !== 'seed')]
  const chosen = own.slice(0, MOST_AXES - 1)
  return { offered: [...method, ...settings, ...scatterFields(rows).figures], chosen: [...chosen, figure], left: own.length - chosen.length }
}
const METHOD = 'method'

export const valueOf = (key: string): ((row: TableRun) => string | number | null) => (key === METHOD ? ({ run }) => run.method : finite(figureOf(key)))
const finite = (of: (row: TableRun) => string | number | null) => (row: TableRun): string | number | null => {
  const value = of(row)
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

/** @param compare orders the names of this axis */
export function runAxis(rows: readonly TableRun[], key: string, compare: (a: string, b: string) => number): RunAxis {
  const of = valueOf(key)
  const values = rows.map(of)
  const known = new Set(values.filter((value) => value !== null))
  const unknown = values.reduce<number>((sum, value) => sum + Number(value === null), 0)
  if ([...known].some((value) => typeof value === 'string')) {
    const sorted = [...new Set([...known].map(String))].sort(compare)
    const names = new Map(sorted.map((name, i) => [name, 1 - (i + 0.5) / sorted.length]))
    const every = Math.max(1, Math.ceil(names.size / MOST_NAMES))
    return { key, scale: 'names', low: Number.NaN, high: Number.NaN, names, unknown, ticks: [...names].flatMap(([value, place], i) => (i % every === 0 ? [{ value, place }] : [])) }
  }
  const numbers = ([...known] as number[]).sort((a, b) => a - b)
  const [low, high] = [numbers[0] ?? Number.NaN, numbers.at(-1) ?? Number.NaN]
  const axis: RunAxis = { key, scale: isLog(numbers) ? 'log' : 'linear', low, high, names: new Map(), unknown, ticks: [] }
  const placed = (ticks: number[]): RunAxis['ticks'] => ticks.map((value) => ({ value, place: placeOf(axis, value) }))
  const own = placed(numbers)
  const areApart = own.length <= FEW && own.every(({ place }, i) => i === 0 || place - own[i - 1]!.place >= TICK_GAP)
  return { ...axis, ticks: areApart ? own : placed(axis.scale === 'log' ? powers(low, high) : evenTicks(low, high)) }
}
/** Names that can be read one below the other. */
const MOST_NAMES = 12

/** @param numbers different ones, ascending */
function isLog(numbers: readonly number[]): boolean {
  const [low, high] = [numbers[0] ?? 0, numbers.at(-1) ?? 0]
  if (!(low > 0) || high / low < LOG_FROM.crowded) return false
  return high / low >= LOG_FROM.any || (quantile(numbers, 0.5) - low) / (high - low) < CROWDED
}

/** From 0 to 1 upwards; UNKNOWN without a value. */
export function placeOf({ scale, low, high, names }: Pick<RunAxis, 'scale' | 'low' | 'high' | 'names'>, value: string | number | null): number {
  if (value === null) return UNKNOWN
  if (scale === 'names') return names.get(String(value)) ?? UNKNOWN
  if (typeof value !== 'number') return UNKNOWN
  if (high === low) return 0.5
  return scale === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
}

/** What a stretch of an axis holds. Numbers: an end that is null is open, so that it holds what comes later too. */
export type Brush = { key: string; /** Runs without a value too. */ unknown: boolean } & ({ low: number | null; high: number | null } | { names: string[] })

/** @param from and `to` places as they were drawn, either way round @returns null where nothing lies between them */
export function brushOf(axis: RunAxis, from: number, to: number): Brush | null {
  const [bottom, top] = from < to ? [from, to] : [to, from]
  const unknown = axis.unknown > 0 && bottom <= UNKNOWN && top >= UNKNOWN
  const { key } = axis
  if (axis.scale === 'names' || top < KNOWN_FROM || axis.high === axis.low) {
    const names = axis.scale === 'names' ? [...axis.names].flatMap(([name, place]) => (place >= bottom && place <= top ? [name] : [])) : bottom <= 0.5 && top >= 0.5 ? [String(axis.low)] : []
    return names.length > 0 || unknown ? { key, unknown, names } : null
  }
  const valueAt = (place: number): number => Number((axis.scale === 'log' ? axis.low * (axis.high / axis.low) ** place : axis.low + place * (axis.high - axis.low)).toPrecision(DIGITS))
  return { key, unknown, low: bottom <= 0 ? null : valueAt(bottom), high: top >= 1 ? null : valueAt(top) }
}
const DIGITS = 4

/** Where a brush lies on its axis now, from below; null where nothing of it is on the axis. */
export function rangeOf(axis: RunAxis, brush: Brush): [number, number] | null {
  const known = 'names' in brush ? ofNames(axis, brush.names) : Number.isNaN(axis.low) ? null : [brush.low === null ? 0 : onAxis(placeOf(axis, brush.low)), brush.high === null ? 1 : onAxis(placeOf(axis, brush.high))] as const
  const low = brush.unknown ? UNKNOWN * 1.15 : (known?.[0] ?? null)
  if (low === null) return null
  return [Math.max(UNKNOWN * 1.15, low), Math.min(1, known?.[1] ?? UNKNOWN * 0.85)]
}

/** An end may lie beyond what the runs that are listed have; a logarithm knows nothing below zero. */
const onAxis = (place: number): number => (Number.isNaN(place) ? 0 : Math.max(0, Math.min(1, place)))

function ofNames(axis: RunAxis, names: readonly string[]): readonly [number, number] | null {
  const places = names.map((name) => placeOf(axis, axis.scale === 'names' ? name : Number(name))).filter((place) => place !== UNKNOWN)
  const half = axis.scale === 'names' ? 0.5 / axis.names.size : 0.05
  return places.length === 0 ? null : [Math.min(...places) - half, Math.max(...places) + half]
}

/** Runs that lie within every brush. */
export function withinBrushes(rows: readonly TableRun[], brushes: readonly Brush[]): TableRun[] {
  const tests = brushes.map((brush) => {
    const of = valueOf(brush.key)
    return (row: TableRun): boolean => holds(brush, of(row))
  })
  return rows.filter((row) => tests.every((test) => test(row)))
}

function holds(brush: Brush, value: string | number | null): boolean {
  if (value === null) return brush.unknown
  if ('names' in brush) return brush.names.includes(String(value))
  return typeof value === 'number' && (brush.low === null || value >= brush.low) && (brush.high === null || value <= brush.high)
}

/** As the address keeps it: `["beta",0.05,null]`, `["optim",["rmsprop"],true]`. */
export const printBrush = (brush: Brush): string => JSON.stringify([brush.key, ...('names' in brush ? [brush.names] : [brush.low, brush.high]), ...(brush.unknown ? [true] : [])])

/** null where it is none: addresses are typed by hand. */
export function readBrush(text: string): Brush | null {
  let parts: unknown
  try {
    parts = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(parts)) return null
  const [key, first, ...more] = parts as unknown[]
  if (typeof key !== 'string') return null
  if (Array.isArray(first)) return first.every((name) => typeof name === 'string') ? { key, names: first, unknown: more[0] === true } : null
  const isEnd = (value: unknown): value is number | null => value === null || (typeof value === 'number' && Number.isFinite(value))
  return isEnd(first) && isEnd(more[0]) ? { key, low: first, high: more[0], unknown: more[1] === true } : null
}

/** Of 1, 2 or 5 times a power of ten apart, within the values. */
function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** Powers of ten within the values, thinned; the ends where there are fewer than two. */
function powers(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)]
  if (last - first < 1) return [low, high]
  const every = Math.ceil((last - first + 1) / (2 * TICKS))
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => Number(`1e${first + i * every}`))
}
