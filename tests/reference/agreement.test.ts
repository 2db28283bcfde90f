/** Agreement between raters against scikit-learn and statsmodels (scripts/reference_agreement.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cohenKappa, fleissInterval, fleissKappa } from '../../src/core/agreement.ts'
import { wilson } from '../../src/core/statistics.ts'
import { makeRng } from '../../src/core/rng.ts'

type Reference = {
  cohen: { table: number[][]; kappa: number; low: number; high: number; raw: number; raw_low: number; raw_high: number }[]
  fleiss: { counts: number[][]; kappa: number; low: number; high: number }[]
}
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'agreement.json'), 'utf8')) as Reference

describe.each(reference.cohen.map((row, index) => ({ index, ...row })))('two raters, table $index', ({ table, kappa, low, high, raw, raw_low, raw_high }) => {
  it('have statsmodels’ kappa and interval, the latter cut to what kappa can be', () => {
    const ours = cohenKappa(table)!
    expect(ours.estimate).toBeCloseTo(kappa, 12)
    expect(ours.low).toBeCloseTo(Math.max(-1, low), 12)
    expect(ours.high).toBeCloseTo(Math.min(1, high), 12)
  })

  it('have its raw agreement with Wilson’s interval', () => {
    const n = table.flat().reduce((sum, count) => sum + count, 0)
    const ours = wilson(table.reduce((sum, row, i) => sum + row[i]!, 0), n)!
    expect(ours.estimate).toBeCloseTo(raw, 12)
    expect(ours.low).toBeCloseTo(raw_low, 12)
    expect(ours.high).toBeCloseTo(raw_high, 12)
  })
})

describe.each(reference.fleiss.map((row, index) => ({ index, ...row })))('several raters, counts $index', ({ counts, kappa, low, high }) => {
  it('have statsmodels’ Fleiss kappa', () => expect(fleissKappa(counts)).toBeCloseTo(kappa, 12))

  // Two bootstraps differ by chance: the ends of 1,000 resamples scatter by about 5 % of the interval's width.
  it('have its bootstrap interval up to the chance of resampling', () => {
    const ours = fleissInterval(counts, makeRng(1))!
    const tolerance = 0.12 * (high - low)
    expect(Math.abs(ours.low - low)).toBeLessThan(tolerance)
    expect(Math.abs(ours.high - high)).toBeLessThan(tolerance)
  })
})
