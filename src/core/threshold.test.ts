import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wilson } from './statistics.ts'
import { reliability, thresholdCurve, valueOfLabels } from './threshold.ts'

const turn = fc.record({ probability: fc.double({ min: 0, max: 1, noNaN: true }), dissatisfied: fc.boolean() })

test('no label, no figure', () => {
  expect(thresholdCurve([], [0.5])).toEqual([{ cutoff: 0.5, flagged: 0, hits: 0, precision: null, recall: null, f1: null }])
  expect(reliability([])).toBeNull()
})

test('estimates lie in their intervals, recall never rises with the cut-off, and at 0 everything is found', () => {
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 40 }), (turns) => {
      const curve = thresholdCurve(turns, [0, 0.25, 0.5, 0.75, 1])
      for (const figures of curve) {
        for (const interval of [figures.precision, figures.recall, figures.f1]) {
          if (interval === null) continue
          expect(interval.low).toBeLessThanOrEqual(interval.estimate + 1e-12)
          expect(interval.high).toBeGreaterThanOrEqual(interval.estimate - 1e-12)
          expect(interval.low).toBeGreaterThanOrEqual(-1e-12)
          expect(interval.high).toBeLessThanOrEqual(1 + 1e-12)
        }
      }
      const recalls = curve.map(({ recall }) => recall?.estimate ?? 0)
      expect(recalls).toEqual(recalls.toSorted((a, b) => b - a))
      if (turns.some(({ dissatisfied }) => dissatisfied)) expect(recalls[0]).toBe(1)
    }),
  )
})

test('20 labels narrow the interval as the sum over their outcomes says', () => {
  const { now, then } = valueOfLabels({ hits: 3, flagged: 5 }, 2, 0.05)
  const half = (hits: number, n: number): number => (wilson(hits, n)!.high - wilson(hits, n)!.low) / 2
  const p = 4 / 7
  expect(now).toBeCloseTo(half(3, 5), 12)
  expect(then).toBeCloseTo((1 - p) ** 2 * half(3, 7) + 2 * p * (1 - p) * half(4, 7) + p ** 2 * half(5, 7), 12)
})

test('labels until a target are the fewest that reach it', () => {
  const figures = { hits: 8, flagged: 20 }
  const { untilTarget } = valueOfLabels(figures, 20, 0.1)
  expect(valueOfLabels(figures, untilTarget!, 0.1).then).toBeLessThanOrEqual(0.1)
  expect(valueOfLabels(figures, untilTarget! - 1, 0.1).then).toBeGreaterThan(0.1)
  expect(valueOfLabels(figures, 20, 0.001).untilTarget).toBeNull()
  expect(valueOfLabels({ hits: 0, flagged: 0 }, 20, 0.1)).toMatchObject({ now: null, then: expect.any(Number) as number })
})
