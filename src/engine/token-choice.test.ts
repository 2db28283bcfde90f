import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { divergence } from './policy-mismatch.ts'
import { drawToken, greedyToken, idsOf, Penalty, TokenFilter } from './token-choice.ts'
import type { Filter } from './token-choice.ts'

const ALL: Filter = { top_k: 0, top_p: 1, min_p: 0 }

/** Kept ids by sorting everything, rising; undefined where rounding may decide. */
function keptBySorting(probabilities: Float32Array, { top_k: topK, top_p: topP, min_p: minP }: Filter): number[] | undefined {
  let order = [...probabilities.keys()].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b)
  const p = (id: number): number => probabilities[id] ?? 0
  if (topK > 0 && topK < order.length) {
    const last = p(order[topK - 1] ?? 0)
    order = order.filter(id => p(id) >= last)
  }
  if (topP < 1) {
    const total = topK > 0 ? order.reduce((sum, id) => sum + p(id), 0) : 1
    const kept: number[] = []
    let mass = 0
    for (const id of order) {
      if (Math.abs(mass - topP * total) < 1e-9) return undefined
      if (mass >= topP * total) break
      kept.push(id)
      mass += p(id)
    }
    order = kept
  }
  if (minP > 0) order = order.filter(id => p(id) >= minP * p(order[0] ?? 0))
  return order.sort((a, b) => a - b)
}

describe('filters', () => {
  it('keep what sorting the whole vocabulary would keep, for any setting', () => {
    const filters = fc.record({ top_k: fc.integer({ min: 0, max: 70 }), top_p: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.999, noNaN: true })), min_p: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })) })
    // Few different weights make many equal probabilities.
    const weights = fc.oneof(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 }), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 700 }))
    let compared = 0
    fc.assert(
      fc.property(weights, filters, (values, filter) => {
        const sum = values.reduce((a, b) => a + b, 0)
        fc.pre(sum > 0)
        const probabilities = Float32Array.from(values, weight => weight / sum)
        const wanted = keptBySorting(probabilities, filter)
        fc.pre(wanted !== undefined)
        const got = idsOf(probabilities, new TokenFilter().cut(probabilities, filter))
        const isDrawn = (id: number): boolean => (probabilities[id] ?? 0) > 0
        expect(got.filter(isDrawn)).toEqual(wanted?.filter(isDrawn))
        compared++
      }),
      { numRuns: 500 },
    )
    expect(compared).toBe(500)
  })

  type Case = { settings: Partial<Filter> & { temperature?: number; repetition_penalty?: number }; logits: number[]; seen: number[]; probabilities: number[] }
  const cases = JSON.parse(readFileSync(new URL('../../tests/reference/sampling-processors.json', import.meta.url), 'utf8')) as Case[]

  it.each(cases)('leave the distribution that transformers leaves: $settings', ({ settings: { temperature = 1, repetition_penalty: penalty = 1, ...filter }, logits, seen, probabilities: wanted }) => {
    const { probabilities } = new Penalty(logits.length).apply(Float32Array.from(logits), new Set(seen), penalty, 1 / temperature)
    const kept = idsOf(probabilities, new TokenFilter().cut(probabilities, { ...ALL, ...filter }))
    expect(kept).toEqual(wanted.flatMap((p, id) => (p > 0 ? [id] : [])))
    const total = kept.reduce((sum, id) => sum + (probabilities[id] ?? NaN), 0)
    for (const id of kept) expect(Math.abs((probabilities[id] ?? NaN) / total - (wanted[id] ?? NaN))).toBeLessThan(1e-6)
  })
})

describe('a draw', () => {
  it('walks through the kept tokens by id, each as wide as its probability', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 1300 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.double({ min: 0.1, max: 1, noNaN: true }), (weights, uniform, topP) => {
        const sum = weights.reduce((a, b) => a + b, 0)
        fc.pre(sum > 0)
        const probabilities = Float32Array.from(weights, weight => weight / sum)
        const filter = { ...ALL, top_p: topP }
        const kept = idsOf(probabilities, new TokenFilter().cut(probabilities, filter)).filter(id => (probabilities[id] ?? 0) > 0)
        const total = kept.reduce((all, id) => all + (probabilities[id] ?? 0), 0)
        const { id, entropy } = drawToken(probabilities.map(p => Math.max(-100, Math.log(p))), probabilities, 1, filter, new TokenFilter(), uniform)
        expect(kept).toContain(id)
        const below = kept.filter(other => other < id).reduce((all, other) => all + (probabilities[other] ?? 0), 0)
        expect(below).toBeLessThanOrEqual(uniform * total + 1e-9)
        expect(below + (probabilities[id] ?? 0)).toBeGreaterThanOrEqual(uniform * total - 1e-9)
        const exact = -kept.map(other => (probabilities[other] ?? NaN) / total).reduce((all, p) => all + p * Math.log(p), 0)
        expect(entropy).toBeCloseTo(exact, 4)
      }),
    )
  })

  it('reports the entropy of what it draws from', () => {
    const probabilities = Float32Array.of(0.4, 0.3, 0.2, 0.1)
    const logps = probabilities.map(Math.log)
    expect(drawToken(logps, probabilities, 1, ALL, new TokenFilter(), 0.5).entropy).toBeCloseTo(1.27985, 5)
    // 4/7 and 3/7 are left.
    expect(drawToken(logps, probabilities, 1, { ...ALL, top_p: 0.6 }, new TokenFilter(), 0.9)).toEqual({ id: 1, entropy: expect.closeTo(0.68291, 5) as number })
    expect(greedyToken(logps, probabilities)).toEqual({ id: 0, entropy: expect.closeTo(1.27985, 5) as number })
  })

  it('has no entropy where the numbers have diverged', () => {
    const broken = Float32Array.of(NaN, NaN, NaN)
    expect(drawToken(broken, broken, 1, { ...ALL, top_p: 0.9 }, new TokenFilter(), 0.5).entropy).toBeNaN()
    expect(greedyToken(broken, broken).entropy).toBeNaN()
  })
})

it('KL divergence is that of the definition, and zero of a distribution from itself', () => {
  const [p, q] = [Float32Array.of(0.5, 0.25, 0.25).map(Math.log), Float32Array.of(0.25, 0.25, 0.5).map(Math.log)]
  expect(divergence(p, q)).toBeCloseTo(0.5 * Math.log(2) + 0.25 * Math.log(0.5), 6)
  expect(divergence(p, p)).toBe(0)
})
