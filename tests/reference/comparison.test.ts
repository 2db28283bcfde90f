/** Statistics of comparisons against scipy and statsmodels (scripts/reference_comparison.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mcnemarTest, signFlipTest } from '../../src/core/paired-tests.ts'
import { effectSize, promptMeans, type VarianceParts, varianceParts } from '../../src/core/power.ts'
import { makeRng } from '../../src/core/rng.ts'
import { crossedInterval, holm, mean } from '../../src/core/statistics.ts'
import { tQuantile, tTail } from '../../src/core/student-t.ts'

type Reference = {
  grids: { values: number[][]; low: number; high: number; flip_seeds: number; flip_prompts: number; effect: number; parts: VarianceParts }[]
  mcnemar: [onlyA: number, onlyB: number, p: number][]
  holm: [p: number[], adjusted: number[]][]
  student: [df: number, tail: number, quantile: number, tailAt21: number][]
}
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'comparison.json'), 'utf8')) as Reference

describe.each(reference.grids.map((grid, index) => ({ index, ...grid })))('seed x prompt differences, grid $index', ({ values, low, high, flip_seeds, flip_prompts, effect, parts }) => {
  it('have the variance parts of statsmodels’ analysis of variance, and d_z', () => {
    const ours = varianceParts(values)
    for (const part of ['seed', 'prompt', 'rest'] as const) expect(ours[part], part).toBeCloseTo(parts[part], 10)
    expect(effectSize(values)).toBeCloseTo(effect, 10)
  })

  it('have scipy’s permutation p: exact over seeds, within its own noise over prompts', () => {
    const random = makeRng('fixture').next
    expect(signFlipTest(values.map(mean), { random })).toBeCloseTo(flip_seeds, 10)
    expect(Math.abs(signFlipTest(promptMeans(values), { random, resamples: 40_000 }) - flip_prompts)).toBeLessThan(0.01)
  })

  it('have the interval of a crossed bootstrap written with numpy, to a twentieth of its width', () => {
    const ours = crossedInterval(values, { random: makeRng('bootstrap').next, resamples: 40_000 })
    expect(Math.abs(ours.low - low)).toBeLessThan((high - low) / 20)
    expect(Math.abs(ours.high - high)).toBeLessThan((high - low) / 20)
  })
})

it('Student’s t has scipy’s quantiles and tails, also between whole degrees of freedom', () => {
  for (const [df, tail, quantile, tailAt21] of reference.student) {
    expect(tQuantile(tail, df) / quantile).toBeCloseTo(1, 10)
    expect(tTail(2.1, df)).toBeCloseTo(tailAt21, 12)
  }
})

it('McNemar’s test and Holm’s adjustment are statsmodels’', () => {
  for (const [a, b, p] of reference.mcnemar) expect(mcnemarTest(a, b), `${a} against ${b}`).toBeCloseTo(p, 10)
  for (const [p, adjusted] of reference.holm) expect(holm(p)).toEqual(adjusted.map((value) => expect.closeTo(value, 12) as number))
})
