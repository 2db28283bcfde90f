import { expect, test } from 'vitest'
import { describeLengths, describeRows } from './dataset-statistics.ts'
import { noProvenance } from './datasets.ts'

test('length skew is the median of the ratios, and how often the longer reply was chosen', () => {
  const pairs = [['aaaa', 'aa'], ['aaa', 'aaa'], ['a', 'aa'], ['', 'aa']].map(([chosen, rejected]) => ({ chosen: chosen!, rejected: rejected! }))
  expect(describeLengths(pairs)).toEqual({ medianRatio: 0.75, chosenLonger: 1 })
})

test('figures of pairs', () => {
  const pair = (chosen: string, rejected: string, conversationId: string) => ({ prompt: [{ role: 'user' as const, content: 'q' }], chosen, rejected, task: null, provenance: { ...noProvenance, conversationId, userFeedback: chosen === '' ? null : 'no' } })
  expect(Object.fromEntries(describeRows('preference', [pair('abc', 'ab', 'c1'), pair('', 'ab', 'c1')]).map(({ label, value }) => [label, value]))).toEqual({
    conversations: 1, 'unique prompts': 1, 'with the user’s words': 1, 'chosen characters, mean': 1.5, 'rejected characters, mean': 2,
    'chosen ÷ rejected, median': 1, 'with the longer reply chosen': 1, 'with a verifiable task': 0,
  })
})
