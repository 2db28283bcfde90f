import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packWeights, unpackWeights } from './pack-weights.ts'

test('weights come back to within half a step, zeros as zeros', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4999), fc.float({ min: -3, max: 3, noNaN: true }))), (entries) => {
      const weights = new Float32Array(5000)
      for (const [i, weight] of entries) weights[i] = weight
      const packed = packWeights(weights)
      const back = unpackWeights(packed, 5000)
      for (let i = 0; i < weights.length; i++) expect(Math.abs(back[i]! - weights[i]!)).toBeLessThanOrEqual(packed.scale / 2 + 1e-6)
    }),
    { numRuns: 30 },
  )
})

test('other text is refused', () => {
  expect(() => unpackWeights({ scale: 1, packed: btoa('\x81') }, 10)).toThrow('cut off')
  expect(() => unpackWeights({ scale: 1, packed: btoa('\x0b\x01') }, 10)).toThrow('below 10')
  expect(() => unpackWeights({ scale: 1, packed: '***' }, 10)).toThrow()
})
