import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assemble, type Candidate } from './dataset-assembly.ts'
import { DEFAULT_BUILD } from '../shared/datasets.ts'

const candidate = (text: string, more: Partial<Candidate> = {}): Candidate => ({ text, prompt: text, source: 's', conversation: text, user: null, ...more })

test('without options every row stays, in order', () => {
  expect(assemble([candidate('b'), candidate('a'), candidate('b')], DEFAULT_BUILD)).toEqual({ train: [0, 1, 2], heldOut: [], removed: { exact: 0, near: 0, capped: 0 } })
})

test('the first of equal and of nearly equal rows stays', () => {
  const long = 'name two fruits that grow on trees in the north of europe and say when each of them is ripe and how it tastes please'
  const rows = ['a', 'A!', 'b', long, long.replace('please', 'thanks')].map((text) => candidate(text))
  expect(assemble(rows, { ...DEFAULT_BUILD, dedup: 'exact' })).toMatchObject({ train: [0, 2, 3, 4], removed: { exact: 1, near: 0 } })
  expect(assemble(rows, { ...DEFAULT_BUILD, dedup: 'near' })).toMatchObject({ train: [0, 2, 3], removed: { exact: 1, near: 1 } })
})

test('a cap takes a seeded sample of each source', () => {
  const rows = Array.from({ length: 40 }, (_, i) => candidate(`t${i}`, { source: i < 30 ? 'large' : 'small' }))
  const capped = assemble(rows, { ...DEFAULT_BUILD, maxPerSource: 12 })
  expect(capped.train.filter((i) => i < 30)).toHaveLength(12)
  expect(capped.train.filter((i) => i >= 30)).toHaveLength(10)
  expect(capped.removed.capped).toBe(18)
  expect(assemble(rows, { ...DEFAULT_BUILD, maxPerSource: 12 })).toEqual(capped)
  expect(assemble(rows, { ...DEFAULT_BUILD, maxPerSource: 12, seed: 2 }).train).not.toEqual(capped.train)
})

test('no conversation, no user and no near-duplicate prompt lies on both sides of a split', () => {
  const rows = fc.array(fc.record({ conversation: fc.integer({ min: 0, max: 30 }), user: fc.option(fc.integer({ min: 0, max: 12 })), prompt: fc.integer({ min: 0, max: 20 }) }), { minLength: 1, maxLength: 80 })
  fc.assert(
    fc.property(rows, fc.double({ min: 0.05, max: 0.5, noNaN: true }), fc.integer(), (drawn, heldOut, seed) => {
      const candidates = drawn.map(({ conversation, user, prompt }, i) => candidate(`row ${i}`, { conversation: `c${conversation}`, user: user === null ? null : `u${user}`, prompt: `prompt number ${prompt}` }))
      const assembly = assemble(candidates, { ...DEFAULT_BUILD, heldOut, splitBy: 'cluster', seed })
      expect([...assembly.train, ...assembly.heldOut].sort((a, b) => a - b)).toEqual(candidates.map((_, i) => i))
      expect(assembly.heldOut.length).toBeLessThanOrEqual(Math.round(heldOut * candidates.length))
      for (const keyOf of [(row: Candidate) => row.conversation, (row: Candidate) => row.user, (row: Candidate) => row.prompt]) {
        const train = new Set(assembly.train.map((i) => keyOf(candidates[i]!)))
        expect(assembly.heldOut.map((i) => keyOf(candidates[i]!)).filter((key) => key !== null && train.has(key))).toEqual([])
      }
    }),
  )
})

test('single rows fill the share asked for', () => {
  const rows = Array.from({ length: 100 }, (_, i) => candidate(`prompt ${i}`))
  expect(assemble(rows, { ...DEFAULT_BUILD, heldOut: 0.2 }).heldOut).toHaveLength(20)
})
