/** 95 % percentile bootstrap intervals of evaluation figures, over instructions or tasks; seeded. */
import type { Interval } from '../../shared/types.ts'
import { crossedInterval, percentileInterval, resample } from '../statistics.ts'
import { lengthControlledWinRate, type GamedRow, type LengthRow } from './length-controlled.ts'
import { taskMacro } from './wildbench.ts'

const RESAMPLES = 2000
/** Each is a fit of its own. */
const FIT_RESAMPLES = 300

/** Of a mean, on the scale a x + b. */
export function meanInterval(values: readonly number[], random: () => number, a = 1, b = 0): Interval {
  const { estimate, low, high } = crossedInterval([values], { resamples: RESAMPLES, random })
  return { estimate: a * estimate + b, low: a * low + b, high: a * high + b }
}

/** The fit repeated on resampled instructions at the strength that was chosen; upstream's own standard error says something else. */
export function lengthControlledInterval(estimate: number, rows: readonly LengthRow[], gamed: readonly GamedRow[], c: number, random: () => number): Interval {
  return percentileInterval(estimate, FIT_RESAMPLES, () => lengthControlledWinRate(resample(rows, random), gamed, c)?.winRate ?? null)
}

/** The value of a task on the macro's scale, with the groups it is in. */
export type TaskValue = { value: number; groups: string[] }

export function macroInterval(estimate: number, values: readonly TaskValue[], random: () => number): Interval {
  return percentileInterval(estimate, RESAMPLES, () => {
    const sums: Record<string, number> = {}
    const counts: Record<string, number> = {}
    for (const { value, groups } of resample(values, random)) {
      for (const group of groups) {
        sums[group] = (sums[group] ?? 0) + value
        counts[group] = (counts[group] ?? 0) + 1
      }
    }
    return taskMacro(Object.fromEntries(Object.entries(sums).map(([group, sum]) => [group, sum / counts[group]!])))
  })
}
