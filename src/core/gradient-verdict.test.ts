import { expect, it } from 'vitest'
import { judgeGradients } from './gradient-verdict.ts'

const round = (round: number, over: object = {}) => ({ round, pairs: 2, margins: [0.4, 0.6], standsFor: 1, weight: 0.375, gradNormFirst: 0.58, gradNormLast: 0.55, chosenScore: 0.83, rejectedScore: 0.45, pairAccuracy: 0.92, ...over })
/** 40 pairs, nine of ten in order. */
const heldout = (round: number, mean: number, n = 40) => ({ round, margins: Array.from({ length: n }, (_, i) => (i % 10 === 0 ? -0.1 : mean + 0.05 * Math.sin(i))) })
const judge = (rounds: ReturnType<typeof round>[], margins: ReturnType<typeof heldout>[]) => judgeGradients(rounds, margins)
const rising = [heldout(0, 0.3), heldout(1, 0.6), heldout(2, 0.9)]

it('teaching while gradient is left and held-out pairs move the right way', () => {
  const { state, because } = judge([round(1), round(2, { chosenScore: 0.84 })], rising)
  expect(state).toBe('teaching')
  expect(because).toContain('held-out margin +0.27 [0.24, 0.30] in round 2, accuracy 0.90 [0.77, 0.96], n = 40')
})

it('degenerating when the held-out margin falls, however large the gradient', () => {
  expect(judge([round(1), round(2, { gradNormLast: 5 })], [heldout(0, 0.3), heldout(1, 0.6), heldout(2, 0.4)]).state).toBe('degenerating')
})

it('degenerating when chosen replies fall from their best round (the prototype’s round 3: 0.84 to 0.81)', () => {
  const { state, because } = judge([round(1), round(2, { chosenScore: 0.84 }), round(3, { chosenScore: 0.81 })], [...rising, heldout(3, 1.2)])
  expect(state).toBe('degenerating')
  expect(because).toContain('chosen replies score 0.81 in round 3, 0.84 in round 2')
})

it('saturated by small weights or by a small gradient norm', () => {
  expect(judge([round(1, { weight: 0.075 })], rising).state).toBe('saturated')
  expect(judge([round(1), round(2, { gradNormLast: 0.1 })], rising).state).toBe('saturated')
})

it('loud when the gradient is large and held-out pairs do not move, or hardly order, or its own pairs are about chance', () => {
  expect(judge([round(1), round(2)], [heldout(0, 0.3), heldout(1, 0.6), heldout(2, 0.6)]).state).toBe('loud')
  expect(judge([round(1)], [{ round: 0, margins: rising[0]!.margins.map(() => -1) }, { round: 1, margins: rising[0]!.margins.map((_, i) => (i % 2 === 0 ? 0.2 : -0.2)) }]).state).toBe('loud')
  expect(judge([round(1), round(2, { pairAccuracy: 0.48 })], rising).state).toBe('loud')
})

it('measures the first round of a run without warm start against the base, whose margins are 0', () => {
  expect(judge([round(1)], [heldout(1, 0.5)]).because).toContain('held-out margin +0.44')
})

it('cannot tell before a round has trained, without held-out pairs, or with few of them', () => {
  expect(judge([], rising)).toEqual({ state: 'unknown', because: 'no round has trained yet' })
  expect(judge([round(1)], [])).toMatchObject({ state: 'unknown', because: expect.stringContaining('heldout_pairs') as string })
  expect(judge([round(1)], [heldout(0, 0.3, 12), heldout(1, 0.6, 12)])).toMatchObject({ state: 'unknown', because: '12 held-out pairs, 20 are needed' })
})
