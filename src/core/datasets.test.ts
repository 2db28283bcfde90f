import { expect, test } from 'vitest'
import { turns } from '../../tests/support/workspace.ts'
import type { Conversation, Message, Signal, VerifiableTask } from '../shared/types.ts'
import { feedbackRows, importedPairs, labelAt, mergeRoles, promptRows, seedPairs } from './datasets.ts'

const conversation = (messages: Message[], metadata: Record<string, unknown> = {}): Conversation => ({ id: 'c', source: 's', model: null, language: null, createdAt: null, messages, metadata })
const signal = (label: Signal['label'], decider: Signal['decider'] = 'imported', probability = label === 'dissatisfied' ? 1 : 0) => ({ label, decider, probability })
const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })
const task = (spec: unknown): VerifiableTask => ({ verifier: 'v', spec })

test('every reply that answers a user gives a row: judged, silent in between, and the one after which the user left', () => {
  const rows = feedbackRows(conversation(turns('q1', 'r1', 'wrong', 'r2', 'and q2?', 'r3', 'thanks', 'r4')), new Map([[2, signal('dissatisfied')], [6, signal('satisfied')]]))
  expect(rows.map(({ reply, label, userFeedback, turnIndex, prompt }) => [reply, label, userFeedback, turnIndex, prompt.length])).toEqual([
    ['r1', 'dissatisfied', 'wrong', 2, 1], ['r2', 'neutral', null, 4, 3], ['r3', 'satisfied', 'thanks', 6, 5], ['r4', 'neutral', null, 8, 7],
  ])
  expect(rows.every((row) => row.conversationId === 'c')).toBe(true)
})

test('attributed to the request, a reply after a complaint answers what was complained about', () => {
  const talk = conversation(turns('q', 'r1', 'wrong', 'r2', 'still wrong', 'r3', 'thanks', 'r4'), { task: task(1), refined_task: task(2) })
  const signals = new Map([[2, signal('dissatisfied')], [4, signal('dissatisfied')], [6, signal('satisfied')]])
  expect(feedbackRows(talk, signals, 0.5, 'request').map(({ reply, prompt, task: own }) => [reply, prompt.length, own?.spec])).toEqual([['r1', 1, 1], ['r2', 1, 1], ['r3', 1, 1], ['r4', 7, 2]])
})

test('consecutive messages of one role are one reply, one prompt message, one feedback', () => {
  const messages = [user('q'), user('please'), assistant('r1'), assistant('r2'), user('no'), user('wrong'), assistant('r3')]
  expect(feedbackRows(conversation(messages), new Map([[4, signal('dissatisfied')]]))).toMatchObject([
    { prompt: [user('q\nplease')], reply: 'r1\nr2', userFeedback: 'no\nwrong', turnIndex: 4 },
    { prompt: [user('q\nplease'), assistant('r1\nr2'), user('no\nwrong')], reply: 'r3', turnIndex: 7 },
  ])
  expect(mergeRoles([])).toEqual([])
})

test('a reply before any request, an empty one and one that a tool follows give no row', () => {
  expect(feedbackRows(conversation([assistant('hello'), user('q'), assistant(''), { role: 'tool', content: '4' }, assistant('It is 4.')]), new Map())).toMatchObject([{ reply: 'It is 4.', prompt: [assistant('hello'), user('q'), assistant(''), { role: 'tool', content: '4' }] }])
})

test('a cut-off moves what detectors say, not what people or the data say', () => {
  expect(labelAt(signal('dissatisfied', 'rules', 0.6), 0.5)).toBe('dissatisfied')
  expect(labelAt(signal('dissatisfied', 'rules', 0.6), 0.7)).toBe('neutral')
  expect(labelAt(signal('neutral', 'rules', 0.3), 0.2)).toBe('dissatisfied')
  expect(labelAt(signal('satisfied', 'rules', 0.1), 0.2)).toBe('satisfied')
  expect(labelAt(signal('dissatisfied', 'human', 1), 1)).toBe('dissatisfied')
  expect(labelAt(signal('neutral', 'imported', 0.4), 0.2)).toBe('neutral')
  expect(labelAt(undefined, 0)).toBe('neutral')
})

test('a seed pair: a disliked reply and the next one, which satisfied; the prompt is what stood before the first', () => {
  const talk = conversation(turns('q', 'bad', 'wrong', 'good', 'thanks'), { task: task(1) })
  const signals = new Map([[2, signal('dissatisfied')], [4, signal('satisfied')]])
  expect(seedPairs(talk, signals)).toEqual([
    { prompt: [user('q')], chosen: 'good', rejected: 'bad', task: task(1), provenance: { conversationId: 'c', turnIndex: 2, userFeedback: 'wrong', round: null, policy: null, seed: null } },
  ])
})

test('no seed pair without both signs in a row, or where the second reply is the first again', () => {
  const talk = conversation(turns('q', 'bad', 'wrong', 'good', 'thanks', 'r3', 'great'))
  expect(seedPairs(talk, new Map([[2, signal('dissatisfied')], [6, signal('satisfied')]]))).toEqual([])
  expect(seedPairs(talk, new Map([[2, signal('satisfied')], [4, signal('satisfied')]]))).toEqual([])
  expect(seedPairs(talk, new Map([[4, signal('satisfied')]]))).toEqual([])
  expect(seedPairs(conversation(turns('q', 'same', 'no', 'same', 'ok thanks')), new Map([[2, signal('dissatisfied')], [4, signal('satisfied')]]))).toEqual([])
})

test('an imported preference row is a pair, and two feedback rows without words', () => {
  const row = conversation([user('q'), assistant('bad')], { chosen: 'good' })
  expect(importedPairs(row)).toMatchObject([{ prompt: [user('q')], chosen: 'good', rejected: 'bad' }])
  expect(feedbackRows(row, new Map()).map(({ reply, label, userFeedback }) => [reply, label, userFeedback])).toEqual([['bad', 'dissatisfied', null], ['good', 'satisfied', null]])
  expect(importedPairs(conversation(turns('q', 'r')))).toEqual([])
})

test('a prompt is the first request alone; without a user there is none', () => {
  expect(promptRows(conversation([{ role: 'system', content: 's' }, user('a'), user('b'), assistant('r'), user('c')], { task: task(1) }))).toEqual([{ prompt: [{ role: 'system', content: 's' }, user('a\nb')], task: task(1), conversationId: 'c' }])
  expect(promptRows(conversation([assistant('hi')]))).toEqual([])
})

test('the task is that of the request a reply answers', () => {
  const specs = (metadata: Record<string, unknown>) => feedbackRows(conversation(turns('q', 'r1', 'add salt', 'r2', 'new q', 'r3'), metadata), new Map()).map((row) => row.task?.spec ?? null)
  expect(specs({ task: task(1) })).toEqual([1, 1, 1])
  expect(specs({ task: task(1), refined_task: task(2) })).toEqual([1, 2, 2])
  expect(specs({ tasks: { 0: task(1), 4: task(3) } })).toEqual([1, 1, 3])
  expect(specs({ task: 'not a task' })).toEqual([null, null, null])
})
