/** Detectors' figures against scikit-learn's and statsmodels' (scripts/reference_calibration.py). */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scoreDetector } from '../../src/core/detector-score.ts'
import { fitLogistic, fitPlatt } from '../../src/core/detector/logistic-regression.ts'
import { wilson } from '../../src/core/statistics.ts'
import { reliability, thresholdCurve } from '../../src/core/threshold.ts'

type Fixture = {
  turns: { probability: number; dissatisfied: boolean }[]
  average_precision: number
  roc_auc: number
  brier: number
  curve: { cutoff: number; precision: number; recall: number; f1: number }[]
  calibration: { mean_probability: number; observed: number }[]
  wilson: { hits: number; n: number; low: number; high: number }[]
  platt: { scores: number[]; labels: boolean[]; slope: number; intercept: number }
  logistic: { l2: number; rows: number[][]; targets: number[]; weights: number[]; intercept: number }
}
const fixture = JSON.parse(readFileSync(new URL('./calibration.json', import.meta.url), 'utf8')) as Fixture

test('average precision and ROC-AUC', () => {
  const figures = scoreDetector(fixture.turns.map((turn) => ({ ...turn, ratings: null })))
  expect(figures.average_precision).toBeCloseTo(fixture.average_precision, 12)
  expect(figures.roc_auc).toBeCloseTo(fixture.roc_auc, 12)
})

test('precision, recall and F1 at each cut-off', () => {
  const curve = thresholdCurve(fixture.turns, fixture.curve.map(({ cutoff }) => cutoff))
  for (const [i, expected] of fixture.curve.entries()) {
    expect(curve[i]?.precision?.estimate ?? 0).toBeCloseTo(expected.precision, 12)
    expect(curve[i]?.recall?.estimate).toBeCloseTo(expected.recall, 12)
    expect(curve[i]?.f1?.estimate).toBeCloseTo(expected.f1, 12)
  }
})

test('calibration curve and Brier score', () => {
  const figures = reliability(fixture.turns)!
  expect(figures.brier).toBeCloseTo(fixture.brier, 12)
  expect(figures.bins).toHaveLength(fixture.calibration.length)
  for (const [i, expected] of fixture.calibration.entries()) {
    expect(figures.bins[i]?.meanProbability).toBeCloseTo(expected.mean_probability, 12)
    expect(figures.bins[i]?.observed.estimate).toBeCloseTo(expected.observed, 12)
  }
})

test('Wilson intervals', () => {
  for (const { hits, n, low, high } of fixture.wilson) {
    const interval = wilson(hits, n)!
    expect(interval.low).toBeCloseTo(low, 12)
    expect(interval.high).toBeCloseTo(high, 12)
  }
})

test('logistic regression with soft targets', () => {
  const { l2, rows, targets, weights, intercept } = fixture.logistic
  const entries = rows.map((row) => row.flatMap((value, column) => (value === 0 ? [] : [{ value, column }])))
  const starts = Int32Array.from([0, ...entries.map((_, i) => entries.slice(0, i + 1).reduce((sum, row) => sum + row.length, 0))])
  const sparse = { starts, columns: Int32Array.from(entries.flat(), ({ column }) => column), values: Float32Array.from(entries.flat(), ({ value }) => value), width: weights.length }
  const model = fitLogistic(sparse, Float64Array.from(targets), Int32Array.from(rows.keys()), { l2, iterations: 1000, tolerance: 1e-10 })
  expect(model.intercept).toBeCloseTo(intercept, 4)
  for (const [i, weight] of weights.entries()) expect(model.weights[i]).toBeCloseTo(weight, 4)
})

test("Platt's scaling", () => {
  const { scores, labels, slope, intercept } = fixture.platt
  const fitted = fitPlatt(scores, labels)
  expect(fitted.weights[0]).toBeCloseTo(slope, 5)
  expect(fitted.intercept).toBeCloseTo(intercept, 5)
  expect(() => fitPlatt([1, 2], [true, true])).toThrow('expected scores of both classes, got 2 positive and 0 negative')
})
