import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { add, div, elementwiseKernel, mul, sqrt, sub } from './simd.ts'

const { fround } = Math

describe('an elementwise kernel', () => {
  const kernel = elementwiseKernel({ arrays: ['x', 'y', 'z'], scalars: ['a', 'b'], scratch: ['y'] }, ({ x, y, z, a, b }) => [
    ['y', mul(y, a)],
    ['x', sub(add(mul(x, b), y), div(y, sqrt(z)))],
  ])

  it('computes in float32, number by number, at every length', () => {
    const numbers = fc.float({ min: fround(-100), max: fround(100), noNaN: true })
    const length = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(16_383, 16_384, 16_385, 40_003))
    fc.assert(fc.property(length, fc.array(numbers, { minLength: 3, maxLength: 20 }), numbers, numbers, (n, values, a, b) => {
      const [x, y, z] = [0, 1, 2].map(shift => Float32Array.from({ length: n }, (_, i) => (values[(i + shift) % values.length] ?? 0) + i / 7)) as [Float32Array, Float32Array, Float32Array]
      const squares = z.map(value => value * value + 1)
      const before = { x: x.slice(), y: y.slice(), z: squares.slice() }
      kernel({ x, y, z: squares }, { a, b })
      expect(y).toEqual(before.y)
      expect(squares).toEqual(before.z)
      before.x.forEach((value, i) => {
        const scaled = fround((before.y[i] ?? 0) * fround(a))
        const expected = fround(fround(fround(value * fround(b)) + scaled) - fround(scaled / fround(Math.sqrt(before.z[i] ?? 0))))
        if (!Object.is(x[i], expected) && x[i] !== expected) expect(x[i], `place ${i} of ${n}`).toBe(expected)
      })
    }), { seed: 1, numRuns: 60 })
  })

  it('wants arrays of one length', () => {
    expect(() => kernel({ x: new Float32Array(4), y: new Float32Array(3), z: new Float32Array(4) }, { a: 1, b: 1 })).toThrow('y: expected 4 numbers, got 3')
  })
})
