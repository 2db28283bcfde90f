import fc from 'fast-check'
import { expect, it } from 'vitest'
import { spread } from './end-labels.ts'

it('leaves labels that do not meet where they belong', () => {
  expect(spread([10, 50, 90], 14)).toEqual([10, 50, 90])
})

it('centres a crowd on where it belongs', () => {
  expect(spread([50, 50, 50], 14)).toEqual([36, 50, 64])
})

it('always keeps the gap and the order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 8 }), (wanted) => {
      const moved = spread(wanted, 14)
      const order = wanted.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at)
      for (let place = 1; place < order.length; place++) expect(moved[order[place]!.i]! - moved[order[place - 1]!.i]!).toBeGreaterThanOrEqual(14 - 1e-9)
    }),
  )
})
