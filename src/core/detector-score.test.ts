import { expect, test } from 'vitest'
import { scoreDetector } from './detector-score.ts'

const turns = [
  { probability: 0.9, dissatisfied: true, ratings: [1, 2, 3] },
  { probability: 0.8, dissatisfied: false, ratings: [3, 4, 2] },
  { probability: 0.7, dissatisfied: true, ratings: [2, 2, 1] },
  { probability: 0.7, dissatisfied: false, ratings: [3, 3, 3] },
  { probability: 0.4, dissatisfied: false, ratings: [5, 4, 2] },
  { probability: 0.4, dissatisfied: true, ratings: [1, 4, 2] },
  { probability: 0.2, dissatisfied: false, ratings: [4, 4, 4, 1] },
  { probability: 0.1, dissatisfied: false, ratings: [3, 3, 3] },
]

// dsat/score.py on these turns (each three times, since it wants at least 20).
const REFERENCE = { average_precision: 0.6666666666666666, roc_auc: 0.7333333333333333, f1: 0.6153846153846154 }

test('the figures are those of dsat/score.py, ties and left-out annotators included', () => {
  const figures = scoreDetector(turns)
  expect(figures).toMatchObject({ n: 8, positives: 3 })
  expect(figures.average_precision).toBeCloseTo(REFERENCE.average_precision, 12)
  expect(figures.roc_auc).toBeCloseTo(REFERENCE.roc_auc, 12)
  expect(figures.f1).toBeCloseTo(REFERENCE.f1, 12)
})

test('figures that need both classes are null without them', () => {
  expect(scoreDetector([{ probability: 0.5, dissatisfied: false, ratings: null }])).toEqual({ n: 1, positives: 0, average_precision: null, roc_auc: null, f1: null })
})

test('without ratings as many turns are flagged as are dissatisfied', () => {
  expect(scoreDetector(turns.map((turn) => ({ ...turn, ratings: null }))).f1).toBeCloseTo(4 / 7, 12)
})
