/** The map of answers beside umap-learn's and scikit-learn's (scripts/reference_umap.py). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { layoutOf, trustworthiness } from '../../src/core/umap.ts'

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
  it('is the same for the same seed and another for another', () => {
    const few = rows.slice(0, 200)
    expect(layoutOf(few, { seed: 'a' })).toEqual(layoutOf(few, { seed: 'a' }))
    expect(layoutOf(few, { seed: 'b' }).points).not.toEqual(layoutOf(few, { seed: 'a' }).points)
  })
  it('says so where too few rows have no neighbourhoods', () => {
    expect(layoutOf(rows.slice(0, 31))).toMatchObject({ projection: expect.stringMatching(/^PCA, too few/) as string, trustworthiness: null })
    expect(layoutOf(rows.slice(0, 32)).projection).toMatch(/^UMAP, 15 neighbours/)
    expect(layoutOf([])).toMatchObject({ points: [] })
  })
  it('ends where it is told to stop', () => {
    const stages = new Set<string>()
    expect(() => layoutOf(rows, { told: (done, _, stage) => { stages.add(stage); if (stage.startsWith('laying') && done === 3) throw new Error('cancelled') } })).toThrow('cancelled')
    expect([...stages]).toEqual(['neighbours of answers', 'laying out the map'])
  })
})
