import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Message } from '../../shared/types.ts'
import { answeredTurns } from '../signals.ts'
import { labelledWorldTurns } from '../world/labelled-turns.ts'
import { classifierJudge } from './classifier.ts'
import { trainDetector } from './train.ts'

const turns = labelledWorldTurns({ seed: 3, dialogues: 250 })
const model = trainDetector(turns)
const judge = classifierJudge(model)

test('a classifier of a few hundred dialogues finds the dissatisfied turns of others', () => {
  expect(model.crossValidation.average_precision).toBeGreaterThan(0.9)
  const fresh = labelledWorldTurns({ seed: 4, dialogues: 100 }).map((turn) => ({ ...turn, label: judge(turn.messages, turn.turnIndex).label }))
  const right = fresh.filter(({ dissatisfied, label }) => dissatisfied === (label === 'dissatisfied'))
  expect(right.length / fresh.length).toBeGreaterThan(0.95)
})

test('the same turns and seed give the same classifier, another seed other folds alone', () => {
  const again = trainDetector(turns)
  expect(again.weights).toEqual(model.weights)
  expect(again.heldOut).toEqual(model.heldOut)
  const other = trainDetector(turns, { seed: 2 })
  expect(other.heldOut).not.toEqual(model.heldOut)
})

test('held-out probabilities are calibrated: their mean is the share of dissatisfied turns', () => {
  const share = turns.filter(({ dissatisfied }) => dissatisfied).length / turns.length
  expect(model.heldOut.reduce((sum, p) => sum + p, 0) / turns.length).toBeCloseTo(share, 3)
})

test('labels without a pattern give no pattern: everything gets about the base rate', () => {
  const random = turns.map((turn, i) => ({ ...turn, dissatisfied: (i * 7919) % 13 < 2 }))
  const { heldOut } = trainDetector(random)
  const share = random.filter(({ dissatisfied }) => dissatisfied).length / random.length
  expect(heldOut.filter((p) => p > 3 * share)).toHaveLength(0)
})

test('a fold that has seen no dissatisfied turn still says a probability', () => {
  const alone = turns.filter(({ dissatisfied }) => dissatisfied).slice(0, 12).map((turn) => ({ ...turn, dialogue: -1 }))
  const { heldOut, intercept } = trainDetector([...alone, ...turns.filter(({ dissatisfied }) => !dissatisfied)])
  expect(Number.isFinite(intercept)).toBe(true)
  expect(heldOut.every((p) => p > 0 && p < 1)).toBe(true)
})

test('too few labels are refused with both counts', () => {
  expect(() => trainDetector(turns.slice(0, 12))).toThrow(/at least 10 dissatisfied and 10 other turns.*got \d+ and \d+/)
})

const message = fc.record({ role: fc.constantFrom<Message['role']>('user', 'assistant', 'system'), content: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('no, wrong. what?', 'thanks', '12:30 try again!', 'i asked for two', '')) })
test('nothing after the turn is read; evidence lies within the message', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(message, { maxLength: 3 }), (before, after) => {
      for (const turn of answeredTurns(before)) {
        const judgement = judge(before, turn)
        expect(judge([...before, ...after], turn)).toEqual(judgement)
        const { probability, evidence } = judgement
        expect(probability > 0 && probability < 1).toBe(true)
        if (evidence !== null) expect(0 <= evidence.start && evidence.start < evidence.end && evidence.end <= before[turn]!.content.length).toBe(true)
      }
    }),
  )
})
