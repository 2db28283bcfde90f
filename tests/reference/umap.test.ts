/** The map of answers beside umap-learn's and scikit-learn's (scripts/reference_umap.py). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { layoutOf, neighbourOverlap, trustworthiness } from '../../src/core/umap.ts'

type Fixture = { neighbours: number; rows: number[][]; plane: [number, number][]; plane_trustworthiness: number; trustworthiness: number[] }
const fixture = JSON.parse(readFileSync(new URL('./umap.json', import.meta.url), 'utf8')) as Fixture
const rows = fixture.rows.map((row) => Float32Array.from(row))

describe('the map of answers', () => {
  it('measures trustworthiness as scikit-learn does', () => {
    expect(trustworthiness(rows, fixture.plane, fixture.neighbours)).toBeCloseTo(fixture.plane_trustworthiness, 10)
    expect(() => trustworthiness(rows.slice(0, 20), fixture.plane.slice(0, 20), 10)).toThrow('expected fewer neighbours than half of the 20 rows, got 10')
  })
  it('keeps neighbours as umap-learn does, whatever its seed', () => {
    const theirs = Math.max(...fixture.trustworthiness)
    for (const seed of ['one', 'two', 'three']) {
      const layout = layoutOf(rows, { seed })
      expect(Math.abs(layout.trustworthiness! - theirs)).toBeLessThan(0.03)
      expect(layout.trustworthiness).toBe(trustworthiness(rows, layout.points, fixture.neighbours))
    }
  })
  it('says how much of it another start keeps, which chance would not', () => {
    const [one, other] = ['one', 'one, again'].map((seed) => layoutOf(rows, { seed }))
    expect(one!.refit).toEqual({ overlap: neighbourOverlap(one!.points, other!.points, 15), trustworthiness: trustworthiness(rows, other!.points, 15, 300) })
    expect(one!.refit!.overlap).toBeGreaterThan(0.3)
    expect(one!.refit!.overlap).toBeLessThan(1)
    const line = Array.from({ length: 401 }, (_, i): [number, number] => [i, 0])
    expect(neighbourOverlap(line, line.map(([x]) => [-3 * x, 1]), 15)).toBe(1)
    const shuffled = line.map((_, i): [number, number] => [(i * 148) % 401, 0])
    expect(neighbourOverlap(line, shuffled, 15)).toBeLessThan(0.2)
  })
  it('is the same for the same seed and another for another', () => {
    const few = rows.slice(0, 200)
    expect(layoutOf(few, { seed: 'a' })).toEqual(layoutOf(few, { seed: 'a' }))
    expect(layoutOf(few, { seed: 'b' }).points).not.toEqual(layoutOf(few, { seed: 'a' }).points)
  })
  it('says so where too few rows have no neighbourhoods', () => {
    expect(layoutOf(rows.slice(0, 31))).toMatchObject({ projection: expect.stringMatching(/^PCA, too few/) as string, trustworthiness: null, refit: null })
    expect(layoutOf(rows.slice(0, 32)).projection).toMatch(/^UMAP, 15 neighbours/)
    expect(layoutOf([])).toMatchObject({ points: [] })
  })
  it('ends where it is told to stop', () => {
    const stages = new Set<string>()
    expect(() => layoutOf(rows, { told: (done, _, stage) => { stages.add(stage); if (stage.startsWith('laying') && done === 3) throw new Error('cancelled') } })).toThrow('cancelled')
    expect([...stages]).toEqual(['neighbours of answers', 'laying out the map'])
  })
})
