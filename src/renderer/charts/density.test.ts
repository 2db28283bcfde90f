import { describe, expect, it } from 'vitest'
import { density, quantileOf } from './density.ts'

const integral = (heights: number[], low: number, high: number): number => (heights.reduce((sum, y) => sum + y, 0) * (high - low)) / (heights.length - 1)

describe('density', () => {
  it('integrates to one', () => {
    const values = Array.from({ length: 400 }, (_, i) => Math.sin(i) * 2 + Math.cos(i * 1.7))
    expect(integral(density(values, -8, 8, 400), -8, 8)).toBeCloseTo(1, 2)
  })

  it('loses no mass at a hard bound', () => {
    const values = Array.from({ length: 300 }, (_, i) => (i % 30) / 100)
    expect(integral(density(values, 0, 1, 400, true), 0, 1)).toBeCloseTo(1, 2)
  })

  it('is, for one value, the Gaussian of its bandwidth at that value', () => {
    // One value has no spread: the least bandwidth, a hundredth of the range, holds.
    expect(density([0], -1, 1, 3)[1]).toBeCloseTo(1 / (0.02 * Math.sqrt(2 * Math.PI)), 6)
  })

  it('is zero where there is nothing', () => {
    expect(density([], 0, 1, 3)).toEqual([0, 0, 0])
  })
})

it('quantileOf interpolates between order statistics (R type 7)', () => {
  expect(quantileOf([1, 2, 3, 4], 0.25)).toBe(1.75)
})
