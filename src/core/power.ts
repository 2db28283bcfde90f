/**
 * What would decide a paired difference: the parts of its variance that seeds and prompts bring, and how many more
 * of either would tell it from zero. Pure.
 */
import type { Needed, PairedDifference } from '../shared/comparison.ts'
import { deviation, type Grid, mean, Z } from './statistics.ts'

/** Standard normal quantile of the power, 80 %. */
const Z_POWER = 0.8416212335729143

/** Variance components of `grid[seed][prompt]`; `rest` is their interaction with the noise of sampling. */
export type VarianceParts = { seed: number; prompt: number; rest: number }

/**
 * Two-way random effects without replication, by the mean squares of the analysis of variance (Searle, Casella and
 * McCulloch 1992, section 4.3), negative parts set to zero. With one seed its part is unknown, 0 here, and `rest` is in `prompt`.
 */
export function varianceParts(grid: Grid): VarianceParts {
  const [seeds, prompts] = [grid.length, grid[0]?.length ?? 0]
  const ofSeed = grid.map(mean)
  const ofPrompt = promptMeans(grid)
  const spread = (values: readonly number[]): number => (values.length > 1 ? deviation(values) ** 2 : 0)
  if (seeds < 2) return { seed: 0, prompt: spread(ofPrompt), rest: 0 }
  const grand = mean(ofSeed)
  let squares = 0
  grid.forEach((row, s) => row.forEach((value, p) => (squares += (value - ofSeed[s]! - ofPrompt[p]! + grand) ** 2)))
  const rest = prompts > 1 ? squares / ((seeds - 1) * (prompts - 1)) : 0
  return { seed: Math.max(0, spread(ofSeed) - rest / prompts), prompt: Math.max(0, spread(ofPrompt) - rest / seeds), rest }
}

/**
 * How many more prompts (seeds staying as they are), or how many more seeds, give an 80 % chance of a 95 % interval without zero, were the true
 * difference as large as the one seen.
 */
export function needed(grid: Grid): Needed {
  const [seeds, prompts] = [grid.length, grid[0]?.length ?? 0]
  const parts = varianceParts(grid)
  const wanted = (mean(grid.map(mean)) / (Z + Z_POWER)) ** 2
  /** `shrinks / n + stays <= wanted` from this n on. */
  const more = (shrinks: number, stays: number, have: number): number | null => (wanted > stays ? Math.max(1, Math.ceil(shrinks / (wanted - stays)) - have) : null)
  return {
    prompts: more(parts.prompt + parts.rest / seeds, parts.seed / seeds, prompts),
    seeds: seeds < 2 ? null : more(parts.seed + parts.rest / prompts, parts.prompt / prompts, seeds),
  }
}

/** Beyond this nobody adds so many: the difference is as good as none. */
const TOO_MANY = 100_000
const grouped = new Intl.NumberFormat('en-US')

/** "about 310 more", or why no number is said; empty where the difference is decided. */
export function moreWords({ needed, seeds }: Pick<PairedDifference, 'needed' | 'seeds'>, kind: 'prompts' | 'seeds'): string {
  if (needed === null) return ''
  const more = needed[kind]
  if (more !== null) return more > TOO_MANY ? `more than ${grouped.format(TOO_MANY)}` : `about ${grouped.format(more)} more`
  return kind === 'seeds' && seeds < 2 ? 'unknown from one seed' : 'none is enough alone'
}

/** Cohen's d_z: mean over deviation of the prompts' differences, seeds averaged; null where all are equal. */
export function effectSize(grid: Grid): number | null {
  const values = promptMeans(grid)
  const spread = deviation(values)
  return spread > 0 ? mean(values) / spread : null
}

/** Mean over seeds, per prompt. */
export function promptMeans(grid: Grid): number[] {
  return (grid[0] ?? []).map((_, p) => mean(grid.map((row) => row[p]!)))
}
