import { expect, it } from 'vitest'
import { judgeGradients } from './gradient-verdict.ts'

const round = (round: number, over: object = {}) => ({ round, margins: [0.4, 0.6], weights: [0.4, 0.35], gradNormFirst: 0.58, gradNormLast: 0.55, chosenScore: 0.83, rejectedScore: 0.45, pairAccuracy: 0.92, ...over })

it('still teaching while pairs are in order and gradient is left (the prototype’s DRIFT, rounds 1 and 2)', () => {
  expect(judgeGradients([round(1), round(2, { chosenScore: 0.84 })]).state).toBe('teaching')
})

it('an early sign when chosen replies fall from their best round (its round 3: 0.84 to 0.81)', () => {
  const verdict = judgeGradients([round(1), round(2, { chosenScore: 0.84 }), round(3, { chosenScore: 0.81 })])
  expect(verdict.state).toBe('degenerating')
  expect(verdict.because).toBe('chosen replies score 0.81 in round 3, 0.84 in round 2')
})

it('unordered when pairs are about chance (its iterative DPO with a learned reward)', () => {
  expect(judgeGradients([round(1, { pairAccuracy: 0.55 }), round(2, { pairAccuracy: 0.48 })]).state).toBe('unordered')
})

it('saturated by small weights or by a small gradient norm', () => {
  expect(judgeGradients([round(1, { weights: [0.05, 0.1] })]).state).toBe('saturated')
  expect(judgeGradients([round(1), round(2, { gradNormLast: 0.1 })]).state).toBe('saturated')
})

it('says nothing before a round has trained', () => {
  expect(judgeGradients([]).state).toBe('unknown')
})
