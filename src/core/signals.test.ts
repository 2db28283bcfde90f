import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { turns } from '../../tests/support/workspace.ts'
import type { Message } from '../shared/types.ts'
import { scoreDetector } from './detector-score.ts'
import { answeredTurns, judgeTurn } from './signals.ts'
import { simulateLog } from './world/log.ts'

const judge = (reaction: string, reply = 'Kiwi, plum.', request = 'Name two sweet red fruits for a picnic.') => judgeTurn(turns(request, reply, reaction), 2)

test.each([
  ["that's not what i asked for", 'instruction ignored'],
  ['You didn’t read my message.', 'instruction ignored'],
  ['this is wrong', 'factual error'],
  ["kiwi isn't red", 'factual error'],
  ['try again', 'revision asked'],
  ['Actually make them green.', 'revision asked'],
  ['too expensive', 'revision asked'],
  ['not helpful', 'negative feedback'],
  ["I don't like these.", 'negative feedback'],
  ['never mind', 'no engagement'],
  ['This is way too long and so formal', 'style or format'],
  ['please use bullet points', 'style or format'],
  ["that makes no sense", 'low quality'],
  ['I need more detail', 'too little detail'],
  ['as I said, sweet red fruits for a picnic, name two', 'instruction ignored'],
  ['list two red sweet picnic fruits', 'instruction ignored'],
])('"%s" is dissatisfied: %s', (reaction, category) => {
  const { label, probability, categories, evidence } = judge(reaction)
  expect({ label, categories }).toEqual({ label: 'dissatisfied', categories: expect.arrayContaining([category]) as string[] })
  expect(probability).toBeGreaterThanOrEqual(0.5)
  expect(evidence).not.toBeNull()
})

test.each([['thanks!', 'gratitude'], ['Perfect.', 'praise'], ['love it, thank you', 'gratitude'], ['that helps a lot', 'praise'], ["I see, that makes sense", 'learned something'], ['great, that works', 'praise']])('"%s" is satisfied: %s', (reaction, category) => {
  expect(judge(reaction)).toMatchObject({ label: 'satisfied', categories: expect.arrayContaining([category]) as string[] })
})

test.each(['Which of them keeps longer?', 'Now write a poem about kiwis.', 'My train leaves at nine from platform two.', 'What is the capital of France? Thanks.', 'How do I sort a list in Python so that the largest number comes first? Please explain each step. Thanks'])('"%s" is neutral', (reaction) => {
  expect(judge(reaction)).toMatchObject({ label: 'neutral', categories: [], evidence: null })
})

test('a no after a question is an answer', () => {
  expect(judge('no', 'Anything else?').probability).toBeLessThan(judge('no').probability)
  expect(judge('No, that is all.', 'Anything else?').label).not.toBe('dissatisfied')
})

test('the middle of a long pasted text says nothing', () => {
  const pasted = `${'The meeting starts at nine and everybody brings a report. '.repeat(8)} The first figure was wrong. ${'Then lunch follows in the hall upstairs. '.repeat(8)}`
  expect(judge(pasted).label).toBe('neutral')
})

const message = fc.record({ role: fc.constantFrom<Message['role']>('user', 'assistant', 'system'), content: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('no, wrong', 'thanks', 'try again!', 'i asked for two')) })

test('nothing after the turn is read', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(message, { maxLength: 3 }), (before, after) => {
      for (const turn of answeredTurns(before)) expect(judgeTurn([...before, ...after], turn)).toEqual(judgeTurn(before, turn))
    }),
  )
})

test('evidence lies within the message, the probability within 0 and 1, and labels agree with it', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      for (const turn of answeredTurns(messages)) {
        const { label, probability, evidence } = judgeTurn(messages, turn)
        expect(probability).toBeGreaterThan(0)
        expect(probability).toBeLessThan(1)
        expect(label === 'dissatisfied').toBe(probability >= 0.5)
        if (evidence !== null) expect(0 <= evidence.start && evidence.start < evidence.end && evidence.end <= (messages[turn]?.content.length ?? 0)).toBe(true)
      }
    }),
  )
})

test('a turn that reacts to nothing is refused', () => {
  expect(() => judgeTurn(turns('a', 'b'), 1)).toThrow(RangeError)
  expect(() => judgeTurn(turns('a', 'b'), 2)).toThrow('got 2 of 2 messages')
})

test('on the built-in world: at least 95 % of written complaints are found, and no thanks is one', async () => {
  const replies = ['- ramen\n- tacos', 'Sure thing!\n1. emma\n2. dune\n3. holes', 'Certainly. lisbon, paris and rome.']
  const rows = await simulateLog({ seed: 7, users: 600, reply: (conversations) => Promise.resolve(conversations.map((_, i) => replies[i % replies.length] ?? '')) })
  const judged = rows.flatMap(({ messages, labels }) => labels.map(({ turn_index, dsat }) => ({ dsat, found: judgeTurn(messages, turn_index).label === 'dissatisfied' })))
  const complaints = judged.filter(({ dsat }) => dsat)
  expect(complaints.length).toBeGreaterThan(300)
  expect(complaints.filter(({ found }) => found).length / complaints.length).toBeGreaterThan(0.95)
  expect(judged.filter(({ dsat, found }) => !dsat && found)).toEqual([])
})

const shared = join(process.env['DRIFT_SHARED'] ?? new URL('../../../shared', import.meta.url).pathname, 'dsat', 'test.jsonl.gz')
describe.skipIf(!existsSync(shared))('on the public DSAT test part (skipped without DRIFT_SHARED or ../shared)', () => {
  test('ranks dissatisfied turns about three times as well as chance', () => {
    type Dialogue = { messages: Message[]; labels: { turn_index: number; dsat: boolean; ratings: number[] }[] }
    const dialogues = gunzipSync(readFileSync(shared)).toString().trim().split('\n').map((line) => JSON.parse(line) as Dialogue)
    const figures = scoreDetector(dialogues.flatMap(({ messages, labels }) => labels.map(({ turn_index, dsat, ratings }) => ({ probability: judgeTurn(messages, turn_index).probability, dissatisfied: dsat, ratings }))))
    expect(figures).toMatchObject({ n: 6956, positives: 314 })
    expect(figures.average_precision).toBeGreaterThan(0.12)
    expect(figures.roc_auc).toBeGreaterThan(0.75)
  })
})
