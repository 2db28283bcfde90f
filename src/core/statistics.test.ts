import { describe, expect, it } from 'vitest'
import { makeRng } from './rng.ts'
import { clipped, crossedInterval, deviation, entropyBits, holm, pairedDifference, percentileInterval, quantile, SHARE } from './statistics.ts'

describe('statistics', () => {
  it('quantiles agree with numpy.quantile', () => {
    // numpy.quantile([1, 2, 4, 8, 16], [0.025, 0.25, 0.5, 0.9]) = [1.1, 2, 4, 12.8]
    const values = [1, 2, 4, 8, 16]
    expect([0.025, 0.25, 0.5, 0.9].map((q) => quantile(values, q))).toEqual([1.1, 2, 4, 12.8].map((v) => expect.closeTo(v, 12)))
  })

  it('a sample’s deviation agrees with numpy.std(ddof=1)', () => {
    expect(deviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138089935299395, 12)
    expect(deviation([3])).toBeNaN()
  })

  it('a percentile interval leaves undefined resamples out', () => {
    const figures = [16, null, 1, 8, null, 2, 4]
    let next = 0
    // numpy.quantile([1, 2, 4, 8, 16], [0.025, 0.975]) = [1.1, 15.2]
    expect(percentileInterval(3, figures.length, () => figures[next++]!)).toEqual({ estimate: 3, low: expect.closeTo(1.1, 12) as number, high: expect.closeTo(15.2, 12) as number })
  })

  it('Holm agrees with statsmodels.multipletests(method="holm")', () => {
    // multipletests([0.01, 0.04, 0.03, 0.005], method='holm')[1] = [0.03, 0.06, 0.06, 0.02]
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02].map((v) => expect.closeTo(v, 12)))
    expect(holm([])).toEqual([])
  })

  it('one seed: the interval is the ordinary bootstrap over prompts', () => {
    const rng = makeRng('one-seed')
    const row = Array.from({ length: 200 }, () => rng.normal())
    const mean = row.reduce((a, b) => a + b) / row.length
    const sd = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / (row.length - 1))
    const { estimate, low, high } = crossedInterval([row], { random: rng.fork('boot').next, resamples: 8000 })
    expect(estimate).toBeCloseTo(mean, 12)
    expect((high - low) / 2).toBeCloseTo((1.96 * sd) / Math.sqrt(200), 2)
  })

  it('covers the truth about as often as it says when seeds and prompts both vary', () => {
    const rng = makeRng('coverage')
    let covered = 0
    const worlds = 300
    for (let w = 0; w < worlds; w++) {
      const prompts = Array.from({ length: 40 }, () => rng.normal())
      const grid = Array.from({ length: 8 }, () => {
        const seed = 0.5 * rng.normal()
        return prompts.map((prompt) => seed + prompt + rng.normal())
      })
      const { low, high } = crossedInterval(grid, { random: rng.next, resamples: 400 })
      if (low <= 0 && 0 <= high) covered++
    }
    // The crossed bootstrap is conservative by design; 8 seeds make percentile bounds a little short.
    expect(covered / worlds).toBeGreaterThan(0.9)
  })

  it('a paired difference ignores what both methods share', () => {
    const rng = makeRng('paired')
    const base = Array.from({ length: 6 }, () => Array.from({ length: 50 }, () => 10 * rng.normal()))
    const better = base.map((row) => row.map((value) => value + 0.5 + 0.1 * rng.normal()))
    const { difference, p } = pairedDifference(better, base, { random: rng.next })
    expect(difference.low).toBeGreaterThan(0.4)
    expect(difference.high).toBeLessThan(0.6)
    expect(p).toBeLessThan(0.001)
  })

  it('limits of a share end at 0 and 1, where widening for few prompts leads beyond', () => {
    const widened = crossedInterval([[1, 1, 1, 0.4]], { random: makeRng(3).next })
    expect(widened.high).toBeGreaterThan(1)
    expect(clipped(widened, SHARE)).toEqual({ ...widened, high: 1 })
    expect(clipped({ estimate: 0.1, low: -0.2, high: 0.3 }, SHARE)).toEqual({ estimate: 0.1, low: 0, high: 0.3 })
    expect(clipped({ estimate: 0.1, low: Number.NaN, high: Number.NaN }, SHARE)).toEqual({ estimate: 0.1, low: Number.NaN, high: Number.NaN })
  })

  it('no difference gives p = 1', () => {
    const grid = [[1, 2, 3], [2, 3, 4]]
    expect(pairedDifference(grid, grid, { random: makeRng(1).next }).p).toBe(1)
  })

  it('refuses unequal grids and missing values, naming the place', () => {
    const random = makeRng(1).next
    expect(() => crossedInterval([[1, 2], [3]], { random })).toThrow('expected 2 prompts for every seed, got 1 for seed row 1')
    expect(() => crossedInterval([[1, Number.NaN]], { random })).toThrow('seed row 0')
    expect(() => crossedInterval([], { random })).toThrow('at least one seed')
  })

  it('entropy of a fair split of four is two bits', () => {
    expect(entropyBits([5, 5, 5, 5])).toBeCloseTo(2, 12)
    expect(entropyBits([7, 0])).toBe(0)
  })
})
