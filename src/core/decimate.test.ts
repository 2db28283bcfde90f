import { describe, expect, it } from 'vitest'
import { decimate, smooth, type Point } from './decimate.ts'

const wave = (n: number): Point[] => Array.from({ length: n }, (_, i) => [i, Math.sin(i / 40)])

describe('decimate', () => {
  it('leaves a short curve alone', () => {
    const points = wave(50)
    expect(decimate(points, 50)).toEqual(points)
  })

  it('keeps the first and last point, the asked number, and a lone spike', () => {
    const points = wave(5000)
    points[2345] = [2345, 40]
    const thinned = decimate(points, 200)
    expect(thinned).toHaveLength(200)
    expect(thinned[0]).toEqual(points[0])
    expect(thinned.at(-1)).toEqual(points.at(-1))
    expect(thinned).toContainEqual([2345, 40])
  })

  it('keeps a gap a gap', () => {
    const points = wave(2000)
    for (let i = 900; i < 950; i++) points[i] = [i, null]
    const thinned = decimate(points, 100)
    const gap = thinned.findIndex(([, y]) => y === null)
    expect(thinned[gap - 1]![0]).toBe(899)
    expect(thinned[gap + 1]![0]).toBe(950)
  })
})

describe('smooth', () => {
  it('is the identity at weight 0', () => {
    expect(smooth(wave(5), 0)).toEqual(wave(5))
  })

  it('is debiased: a constant stays that constant from its first point on', () => {
    for (const [, y] of smooth([[0, 3], [1, 3], [2, 3]], 0.9)) expect(y).toBeCloseTo(3, 12)
  })

  it('follows the recurrence of TensorBoard, by hand for two points', () => {
    // 0.6: first 4 -> 4; then (0.4*4*0.6 + 0.4*10) / (1 - 0.36) = 4.96/0.64 = 7.75
    expect(smooth([[0, 4], [1, 10]], 0.6)[1]![1]).toBeCloseTo(7.75, 12)
  })

  it('keeps and skips gaps', () => {
    expect(smooth([[0, 4], [1, null], [2, 10]], 0.6).map(([, y]) => y)).toEqual([4, null, expect.closeTo(7.75, 12)])
  })
})
