/** Exploration's figures against numpy's, scipy's and nltk's (scripts/reference_exploration.py). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { embed, planeOf } from '../../src/core/embedding.ts'
import { coverageAndDensity, passAtK, rarefied, selfBleu } from '../../src/core/exploration.ts'

type Fixture = {
  pass_at_k: [number, number, number, number][]
  rarefied: [number[], number, number][]
  bleu: { texts: string[]; self_bleu: number }[]
  spaces: { reference: number[][]; answers: number[][]; rewards: number[]; coverage: number; density: number }[]
}
const fixture = JSON.parse(readFileSync(new URL('./exploration.json', import.meta.url), 'utf8')) as Fixture

describe('over the samples of a prompt', () => {
  it.each(fixture.pass_at_k)('pass@k: n %d, c %d, k %d', (n, c, k, expected) => expect(passAtK(n, c, k)).toBeCloseTo(expected, 10))
  it.each(fixture.rarefied)('rarefaction: %j at %d', (counts, m, expected) => expect(rarefied(counts, m)).toBeCloseTo(expected, 10))
  it.each(fixture.bleu)('self-BLEU', ({ texts, self_bleu }) => expect(selfBleu(texts)).toBeCloseTo(self_bleu, 10))
  it.each(fixture.spaces)('coverage and density', ({ reference, answers, rewards, coverage, density }) => {
    const figures = coverageAndDensity(reference.map((row) => Float32Array.from(row)), answers.map((row, i) => ({ row: Float32Array.from(row), reward: rewards[i]! })))!
    expect(figures.coverage).toBeCloseTo(coverage, 6)
    expect(figures.density).toBeCloseTo(density, 6)
  })
})

describe('the lexical embedding', () => {
  const texts = ['two red apples', 'two red apples', 'two green apples', 'a plan for the weekend in the mountains', '']
  const rows = embed(texts)
  const near = (a: number, b: number): number => rows[a]!.reduce((sum, value, d) => sum + value * rows[b]![d]!, 0)
  it('is the same for the same text, near for like ones, unit length, nothing for nothing', () => {
    expect(rows[0]).toEqual(rows[1])
    expect(near(0, 2)).toBeGreaterThan(near(0, 3) + 0.2)
    expect(Math.hypot(...rows[3]!)).toBeCloseTo(1, 5)
    expect(Math.hypot(...rows[4]!)).toBe(0)
    expect(embed(texts)).toEqual(rows)
  })
  it('is shown on the plane that keeps most of its variance', () => {
    const flat = Array.from({ length: 200 }, (_, i) => Float32Array.of(3 * Math.sin(i), Math.cos(7 * i), 0, 0.01 * Math.sin(3 * i)))
    const { points, explained } = planeOf(flat)
    expect(explained).toBeGreaterThan(0.999)
    const spread = (axis: 0 | 1): number => Math.sqrt(points.reduce((sum, point) => sum + point[axis] ** 2, 0) / points.length)
    expect(spread(0)).toBeCloseTo(3 / Math.SQRT2, 1)
    expect(spread(1)).toBeCloseTo(1 / Math.SQRT2, 1)
    expect(planeOf(flat)).toEqual({ points, explained })
    expect(planeOf([])).toEqual({ points: [], explained: 0 })
  })
})
