import { describe, expect, it } from 'vitest'
import { hash32, makeRng } from './rng.ts'

describe('makeRng', () => {
  it('gives the same numbers for the same seed, for ever', () => {
    const rng = makeRng(42)
    expect([rng.int(1000), rng.int(1000), rng.int(1000), rng.int(1000)]).toEqual(FIRST_OF_42)
    expect(makeRng('42').next()).toBe(makeRng(42).next())
    expect(makeRng(43).next()).not.toBe(makeRng(42).next())
  })

  it('forks by name, whatever the parent has drawn', () => {
    const fresh = makeRng(1).fork('a').next()
    const used = makeRng(1)
    for (let i = 0; i < 100; i++) used.next()
    expect(used.fork('a').next()).toBe(fresh)
    expect(used.fork('b').next()).not.toBe(fresh)
    expect(makeRng(1).fork('a').fork('b').next()).toBe(makeRng('1/a/b').next())
  })

  it('is uniform: moments and serial correlation of 200,000 numbers', () => {
    const rng = makeRng('uniform')
    const values = Array.from({ length: 200_000 }, () => rng.next())
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    const lag = values.slice(1).reduce((sum, value, i) => sum + (value - mean) * ((values[i] ?? 0) - mean), 0) / values.length / variance
    // Standard errors: .00065, .00017, .0022; five of each.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0033)
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0009)
    expect(Math.abs(lag)).toBeLessThan(0.011)
  })

  it('passes a chi-squared test over 100 cells, also across sibling forks', () => {
    const inOne = new Array<number>(100).fill(0)
    const across = new Array<number>(100).fill(0)
    const rng = makeRng(7)
    for (let i = 0; i < 20_000; i++) {
      const one = rng.int(100)
      const other = rng.fork(`child ${i}`).int(100)
      inOne[one] = (inOne[one] ?? 0) + 1
      across[other] = (across[other] ?? 0) + 1
    }
    const chiSquared = (counts: number[]): number => counts.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
    // 99 degrees of freedom: mean 99, standard deviation 14.
    for (const counts of [inOne, across]) expect(Math.abs(chiSquared(counts) - 99)).toBeLessThan(60)
  })

  it('draws indices in proportion to their weights and never one of weight 0', () => {
    const rng = makeRng(3)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40_000; i++) counts[rng.weighted([1, 0, 2, 1])]!++
    expect(counts[1]).toBe(0)
    expect((counts[0] ?? 0) / 40_000).toBeCloseTo(0.25, 1.7)
    expect((counts[2] ?? 0) / 40_000).toBeCloseTo(0.5, 1.7)
  })

  it('shuffles without losing anything, each position equally likely', () => {
    const rng = makeRng(5)
    const first = [0, 0, 0, 0]
    for (let i = 0; i < 20_000; i++) {
      const shuffled = rng.shuffled([0, 1, 2, 3])
      expect(shuffled.toSorted()).toEqual([0, 1, 2, 3])
      first[shuffled[0] ?? 0]!++
    }
    for (const count of first) expect(Math.abs(count - 5000)).toBeLessThan(310)
  })

  it('draws standard normals', () => {
    const rng = makeRng(9)
    const values = Array.from({ length: 100_000 }, () => rng.normal())
    const moment = (k: number): number => values.reduce((sum, value) => sum + value ** k, 0) / values.length
    expect(Math.abs(moment(1))).toBeLessThan(0.016)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.023)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.16)
  })

  it('refuses what cannot be drawn', () => {
    const rng = makeRng(1)
    expect(() => rng.int(0)).toThrow('positive integer, got 0')
    expect(() => rng.pick([])).toThrow('empty array')
    expect(() => rng.weighted([0, 0])).toThrow('positive sum')
    expect(() => rng.weighted([1, -1])).toThrow('got -1')
  })

  it('hashes a text to the same 32 bits always', () => {
    expect(hash32('split dinners')).toBe(HASH)
  })
})

const FIRST_OF_42 = [956, 301, 695, 180]
const HASH = 3279877375
