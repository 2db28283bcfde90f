import { describe, expect, it } from 'vitest'
import type { RoundHealth } from '../shared/monitors.ts'
import { gradientsOf, healthOfSteps } from './gradient-health.ts'
import { makeRng } from './rng.ts'
import { quantile } from './statistics.ts'

const rng = makeRng('gradient health')
const drawn = (n: number, mean = 0): number[] => Array.from({ length: n }, () => mean + rng.normal())
const healthOf = (margins: (number | null)[], { round = 1, norms = [1], score = null as number | null } = {}): RoundHealth => ({ ...healthOfSteps(round, margins, norms), chosenScore: score, rejectedScore: null, pairAccuracy: null })
const pooledOf = (...runs: RoundHealth[][]): RoundHealth[] => gradientsOf(runs.map((health) => ({ health, heldout: [] }))).rounds

describe('a round’s pairs', () => {
  it('has every margin of a few, in order, and norms of the first and last quarter of the steps', () => {
    expect(healthOfSteps(3, [2, -1, null, 0], [8, 4, 2, null, 1])).toEqual({ round: 3, pairs: 3, standsFor: 1, margins: [-1, 0, 2], weight: expect.closeTo((1 / (1 + Math.exp(2)) + 0.5 + 1 / (1 + Math.exp(-1))) / 3, 12) as number, gradNormFirst: 8, gradNormLast: 1 })
  })

  it.each([2048, 2049, 5000, 100_003])('keeps the quantiles of %i within two thousandths of the pairs, and their exact mean weight', (n) => {
    const all = drawn(n)
    const { margins, standsFor, pairs, weight } = healthOf(all)
    const sorted = all.toSorted((a, b) => a - b)
    expect(margins.length).toBeLessThanOrEqual(2048)
    expect(Math.abs(margins.length * standsFor - n)).toBeLessThan(standsFor)
    expect(pairs).toBe(n)
    expect(weight).toBeCloseTo(all.reduce((sum, margin) => sum + 1 / (1 + Math.exp(margin)), 0) / n, 10)
    for (const q of [0.05, 0.25, 0.5, 0.75, 0.95]) expect(sorted.filter((margin) => margin <= quantile(margins, q)).length / n).toBeCloseTo(q, 2.4)
  })
})

describe('seeds of one method as one', () => {
  it('weighs every pair the same, however coarse the runs it comes from', () => {
    const [few, many] = [drawn(1000, 3), drawn(50_000)]
    const [round] = pooledOf([healthOf(few)], [healthOf(many)])
    const sorted = [...few, ...many].sort((a, b) => a - b)
    expect(round!.pairs).toBe(51_000)
    expect(round!.margins).toEqual(round!.margins.toSorted((a, b) => a - b))
    expect(round!.margins.length).toBeLessThanOrEqual(2048)
    for (const q of [0.1, 0.5, 0.9, 0.99]) expect(sorted.filter((margin) => margin <= quantile(round!.margins, q)).length / 51_000).toBeCloseTo(q, 2)
    expect(round!.weight).toBeCloseTo(sorted.reduce((sum, margin) => sum + 1 / (1 + Math.exp(margin)), 0) / 51_000, 10)
  })

  it('stays under the limit for many seeds, keeps rounds apart and in order, and averages what is known', () => {
    const seeds = Array.from({ length: 50 }, (_, i) => [healthOf(drawn(1500), { round: 2, norms: [i], score: i % 2 === 0 ? 0.5 : null }), healthOf(drawn(100), { round: 1 })])
    const rounds = pooledOf(...seeds)
    expect(rounds.map(({ round, pairs, chosenScore }) => [round, pairs, chosenScore])).toEqual([[1, 5000, null], [2, 75_000, 0.5]])
    expect(rounds.every(({ margins }) => margins.length <= 2048)).toBe(true)
    expect(rounds[1]!.gradNormFirst).toBe(24.5)
  })

  it('takes a seed whose margins were never finite for no pairs at all', () => {
    const [round] = pooledOf([healthOf([null, null])], [healthOf([1, 2])])
    expect(round).toMatchObject({ pairs: 2, margins: [1, 2] })
    expect(round!.weight).toBeCloseTo((1 / (1 + Math.E) + 1 / (1 + Math.E ** 2)) / 2, 12)
  })

  it('judges the held-out pairs of all seeds, round by round', () => {
    const heldout = [0, 1].map((round) => ({ round, margins: Array.from({ length: 20 }, () => round) }))
    const { verdict } = gradientsOf([1, 2].map(() => ({ health: [healthOf(drawn(10))], heldout })))
    expect(verdict).toMatchObject({ state: 'teaching', because: expect.stringContaining('n = 40') as string })
  })
})
