/**
 * Paired statistics for comparisons (design section 7): crossed seed x prompt bootstrap, Holm's adjustment.
 * Pure; the random source is an argument.
 */
import type { Interval } from '../shared/types.ts'
import { tQuantile } from './student-t.ts'

/** `values[seed][prompt]`; every seed has the same prompts. */
export type Grid = readonly (readonly number[])[]

export type BootstrapOptions = { resamples?: number; random: () => number }

/** Two-sided 95 % of the normal distribution. */
export const Z = 1.959963984540054
const TAIL = 0.025

/** Wilson's score interval of a share (Wilson 1927), statsmodels' proportion_confint(method='wilson'). */
export function wilson(hits: number, n: number): Interval | null {
  if (n === 0) return null
  const share = hits / n
  const centre = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n)
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n))
  return { estimate: share, low: hits === 0 ? 0 : centre - half, high: hits === n ? 1 : centre + half }
}

export const sigmoid = (logOdds: number): number => 1 / (1 + Math.exp(-logOdds))

export function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]!
  return total
}

export function mean(values: ArrayLike<number>): number {
  return values.length === 0 ? Number.NaN : sum(values) / values.length
}

/** Of a sample: divided by n - 1; NaN below two values. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values)
  return Math.sqrt(sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1))
}

/** Linear interpolation between order statistics (numpy's default, R type 7). `sorted` ascends. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN
  const position = q * (sorted.length - 1)
  const low = Math.floor(position)
  const high = Math.ceil(position)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low)
}

/**
 * Bootstrap distribution of the grand mean when seeds and prompts are both samples of something larger:
 * seeds and prompts are resampled independently and crossed (Owen 2007, "pigeonhole bootstrap").
 * Conservative for the sum of both variances, and too narrow for few seeds or prompts, so the distribution is
 * stretched about the mean by `widening`. With one seed only prompts are resampled, and the interval speaks of
 * these checkpoints alone.
 */
export function crossedBootstrap(grid: Grid, { resamples = 4000, random }: BootstrapOptions): Float64Array {
  const seeds = grid.length
  const prompts = grid[0]?.length ?? 0
  const grand = mean(grid.map(mean))
  const stretch = widening(grid)
  const means = new Float64Array(resamples)
  const column = new Float64Array(prompts)
  for (let r = 0; r < resamples; r++) {
    column.fill(0)
    for (let s = 0; s < seeds; s++) {
      const row = grid[seeds === 1 ? 0 : Math.floor(random() * seeds)]!
      for (let p = 0; p < prompts; p++) column[p]! += row[p]!
    }
    let total = 0
    for (let p = 0; p < prompts; p++) total += column[Math.floor(random() * prompts)]!
    means[r] = grand + stretch * (total / (seeds * prompts) - grand)
  }
  return means.sort()
}

/**
 * What a bootstrap of few clusters lacks: it divides by n instead of n - 1, and percentiles know of no t distribution
 * (Hesterberg 2015, section 5, expanded percentiles). The degrees of freedom follow from how much of the variance
 * seeds and prompts each bring (Satterthwaite 1946).
 */
function widening(grid: Grid): number {
  const prompts = grid[0]?.length ?? 0
  const columns = Array.from({ length: prompts }, (_, p) => mean(grid.map((row) => row[p]!)))
  const parts = [{ n: grid.length, values: grid.map(mean) }, { n: prompts, values: columns }].filter(({ n }) => n > 1).map(({ n, values }) => ({ n, variance: deviation(values) ** 2 / n }))
  const total = sum(parts.map(({ variance }) => variance))
  if (!(total > 0)) return 1
  const seen = sum(parts.map(({ n, variance }) => (variance * (n - 1)) / n))
  const freedom = total ** 2 / sum(parts.map(({ n, variance }) => variance ** 2 / (n - 1)))
  return (Math.sqrt(total / seen) * tQuantile(TAIL, freedom)) / Z
}

/** Ends of a scale; what is measured on it lies between them. */
export type Scale = readonly [lowest: number, highest: number]
export const SHARE: Scale = [0, 1]

/**
 * Percentiles of resampled means never leave the scale of the values; what leaves it comes from widening them for few
 * seeds or prompts, which knows of no ends. Values beyond them are impossible, so that cutting there loses no coverage.
 */
export const clipped = ({ estimate, low, high }: Interval, [lowest, highest]: Scale): Interval => ({ estimate, low: Math.max(lowest, low), high: Math.min(highest, high) })

/** Grand mean with its 95 % percentile interval. NaN bounds where there is nothing to resample. */
export function crossedInterval(grid: Grid, options: BootstrapOptions): Interval {
  checkGrid(grid)
  const estimate = mean(grid.map(mean))
  const means = crossedBootstrap(grid, options)
  return { estimate, low: quantile(means, TAIL), high: quantile(means, 1 - TAIL) }
}

/** 95 % percentile bootstrap; a resample whose figure is undefined is left out. */
export function percentileInterval(estimate: number, resamples: number, figure: () => number | null): Interval {
  const figures = Float64Array.from(Array.from({ length: resamples }, figure).filter((value) => value !== null)).sort()
  return { estimate, low: quantile(figures, TAIL), high: quantile(figures, 1 - TAIL) }
}

/** As many rows as there are, drawn with replacement. */
export const resample = <T>(rows: readonly T[], random: () => number): T[] => rows.map(() => rows[Math.floor(random() * rows.length)]!)

export type Difference = { difference: Interval; p: number }

/** `a` minus `b`, paired by seed and prompt. p is two-sided: twice the smaller share of resampled means beyond zero. */
export function pairedDifference(a: Grid, b: Grid, options: BootstrapOptions): Difference {
  checkGrid(a)
  checkGrid(b)
  if (a.length !== b.length || a[0]?.length !== b[0]?.length) {
    throw new Error(`pairedDifference: expected equal grids, got ${a.length} x ${a[0]?.length} and ${b.length} x ${b[0]?.length}`)
  }
  const grid = a.map((row, s) => row.map((value, p) => value - b[s]![p]!))
  const means = crossedBootstrap(grid, options)
  let below = 0
  let above = 0
  for (const value of means) {
    if (value <= 0) below++
    if (value >= 0) above++
  }
  const p = Math.min(1, (2 * (Math.min(below, above) + 1)) / (means.length + 1))
  return { difference: { estimate: mean(grid.map(mean)), low: quantile(means, TAIL), high: quantile(means, 1 - TAIL) }, p }
}

/** Holm's step-down adjustment; order kept. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, i) => ({ p, i })).sort((x, y) => x.p - y.p)
  const adjusted = new Array<number>(pValues.length)
  let largest = 0
  order.forEach(({ p, i }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (pValues.length - rank)))
    adjusted[i] = largest
  })
  return adjusted
}

/** Entropy in bits of the relative frequencies of `counts`. */
export function entropyBits(counts: Iterable<number>): number {
  const values = [...counts].filter((count) => count > 0)
  const total = sum(values)
  return values.reduce((bits, count) => bits - (count / total) * Math.log2(count / total), 0)
}

function checkGrid(grid: Grid): void {
  const width = grid[0]?.length ?? 0
  if (width === 0) throw new Error('bootstrap: expected at least one seed and one prompt, got none')
  for (const [s, row] of grid.entries()) {
    if (row.length !== width) throw new Error(`bootstrap: expected ${width} prompts for every seed, got ${row.length} for seed row ${s}`)
    if (!row.every(Number.isFinite)) throw new Error(`bootstrap: value ${row.find((v) => !Number.isFinite(v))} in seed row ${s} is not a number`)
  }
}
