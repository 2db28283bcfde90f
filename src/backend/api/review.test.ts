import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, turns } from '../../../tests/support/workspace.ts'
import type { CallInput } from '../../shared/contract.ts'
import type { ReviewItem } from '../../shared/review.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { openBackend, type Backend } from '../index.ts'
import { importFiles } from '../imports/import-files.ts'
import { detectorNamed } from '../signals/detectors.ts'
import { runDetector } from '../signals/run-detector.ts'
import { writeSignals } from '../storage/signals.ts'

const REACTIONS = ['that is wrong, I asked for a poem', 'thanks, perfect', 'and in French?', 'no', 'you ignored my request', 'great, but too long', 'never mind', 'is it true?']

/** `count` conversations of one answered turn each. */
async function aBackend({ count = 24, judged = true } = {}): Promise<Backend> {
  const backend = await openBackend({ workspace: aFolder(), host: 'cli' })
  onTestFinished(() => backend.close())
  const { db } = backend.workspace
  if (count > 0) await importFiles(db, [aJsonlFile(Array.from({ length: count }, (_, i) => ({ messages: turns(`request ${i}`, `reply ${i}`, `${REACTIONS[i % REACTIONS.length]} ${i}`) })))])
  if (judged) await runDetector(db, detectorNamed('rules'))
  return backend
}
const key = ({ conversationId, turnIndex }: Pick<ReviewItem, 'conversationId' | 'turnIndex'>): string => `${conversationId} ${turnIndex}`
async function upcoming(backend: Backend, queue: number): Promise<ReviewItem[]> {
  return (await backend.call('review.next', { queue, limit: 10 })).items
}
async function label(backend: Backend, item: ReviewItem, value: SignalLabel | null, given: Partial<CallInput<'review.label'>> = {}) {
  return backend.call('review.label', { conversationId: item.conversationId, turnIndex: item.turnIndex, annotator: 'ana', pass: 'first', label: value, suggestion: 'shown', ...given })
}
/** Labels everything that is left of a queue, and returns what it was. */
async function labelAll(backend: Backend, queue: number, value: (item: ReviewItem, index: number) => SignalLabel, given: Partial<CallInput<'review.label'>> = {}): Promise<ReviewItem[]> {
  const done: ReviewItem[] = []
  for (let items = await upcoming(backend, queue); items[0]; items = await upcoming(backend, queue)) {
    await label(backend, items[0], value(items[0], done.length), given)
    done.push(items[0])
  }
  return done
}

test('the uncertain come first, by the detector that wins, and no turn is asked for twice', async () => {
  const backend = await aBackend()
  const queue = await backend.call('review.queue', { annotator: 'ana', target: 12 })
  expect(queue).toMatchObject({ size: 12, labelled: 0, skipped: 0, perMinute: null })
  const done = await labelAll(backend, queue.id, () => 'neutral')
  const distance = done.map(({ suggestion }) => Math.abs(suggestion!.probability - 0.5))
  expect(distance).toEqual(distance.toSorted((a, b) => a - b))
  const again = await backend.call('review.queue', { annotator: 'ana', target: 12, fresh: true })
  expect(new Set([...done, ...(await labelAll(backend, again.id, () => 'neutral'))].map(key)).size).toBe(24)
  expect((await backend.call('review.queue', { annotator: 'ana', target: 12, fresh: true })).size).toBe(0)
})

test('turns that no detector has judged are asked for when the judged ones are through', async () => {
  const backend = await aBackend({ count: 4 })
  await importFiles(backend.workspace.db, [aJsonlFile([{ messages: turns('a', 'b', 'c') }, { messages: turns('d', 'e', 'f') }])])
  const { id } = await backend.call('review.queue', { annotator: 'ana' })
  expect((await upcoming(backend, id)).map(({ suggestion }) => suggestion === null)).toEqual([false, false, false, false, true, true])
})

test('a queue stays as it was drawn and goes on where its annotator was, whatever others or detectors do', async () => {
  const backend = await aBackend()
  const request = { annotator: 'ana', order: 'random', target: 10, seed: 5 } as const
  const { id } = await backend.call('review.queue', request)
  const order = (await upcoming(backend, id)).map(key)
  const [first, second] = await upcoming(backend, id)
  await label(backend, first!, 'neutral')
  await label(backend, second!, null)
  await label(backend, second!, 'neutral', { annotator: 'ben' })
  await runDetector(backend.workspace.db, detectorNamed('rules'))
  expect(await backend.call('review.queue', request)).toMatchObject({ id, size: 10, labelled: 1, skipped: 1 })
  expect((await upcoming(backend, id)).map(key)).toEqual(order.slice(2))
})

test('a queue that was empty is drawn again, one that is through is not', async () => {
  const backend = await aBackend({ count: 0, judged: false })
  expect((await backend.call('review.queue', { annotator: 'ana' })).size).toBe(0)
  await importFiles(backend.workspace.db, [aJsonlFile([{ messages: turns('a', 'b', 'c') }])])
  const queue = await backend.call('review.queue', { annotator: 'ana' })
  await labelAll(backend, queue.id, () => 'neutral')
  await importFiles(backend.workspace.db, [aJsonlFile([{ messages: turns('d', 'e', 'f') }])])
  expect(await backend.call('review.queue', { annotator: 'ana' })).toMatchObject({ id: queue.id, size: 1, labelled: 1 })
})

test('a seed draws the same turns again, another seed others', async () => {
  const order = async (seed: number): Promise<string[]> => {
    const backend = await aBackend()
    return (await upcoming(backend, (await backend.call('review.queue', { annotator: 'ana', order: 'random', target: 8, seed })).id)).map(key)
  }
  expect(await order(3)).toEqual(await order(3))
  expect(await order(4)).not.toEqual(await order(3))
})

test('a category’s queue holds its turns alone', async () => {
  const backend = await aBackend()
  const { id } = await backend.call('review.queue', { annotator: 'ana', order: 'category', category: 'instruction ignored' })
  const items = await upcoming(backend, id)
  expect(items.length).toBeGreaterThan(0)
  for (const item of items) expect(item.suggestion?.categories).toContain('instruction ignored')
})

test('the queue of `unspecified` holds dissatisfied turns without a category, for a first and a second look', async () => {
  const backend = await aBackend()
  const { db } = backend.workspace
  const position = db.prepare("SELECT conversation FROM messages WHERE content LIKE 'never mind%' LIMIT 1").pluck().get() as number
  writeSignals(db, [{ conversation: position, turnIndex: 2, label: 'dissatisfied', probability: 0.8, categories: [], evidence: null, decider: 'classifier', deciderVersion: 'v' }])
  const queueOf = async (request: Partial<CallInput<'review.queue'>>) => upcoming(backend, (await backend.call('review.queue', { annotator: 'ana', order: 'category', category: 'unspecified', ...request })).id)
  const [item, ...others] = await queueOf({})
  expect(item).toMatchObject({ suggestion: { decider: 'classifier', categories: [] } })
  expect(others).toEqual([])
  await label(backend, item!, 'dissatisfied')
  expect((await queueOf({ annotator: 'ben', pass: 'second' })).map(key)).toEqual([key(item!)])
})

test('the rubric is the workspace’s: read, replaced as a whole or not at all, also by the judge’s settings; labels keep what they have', async () => {
  const backend = await aBackend()
  const told: string[] = []
  backend.subscribe((push) => void (push.type === 'workspace.changed' && told.push(...push.nouns)))
  expect(await backend.call('signals.rubric', {})).toMatchObject({ dissatisfied: expect.arrayContaining(['low quality']) as unknown, satisfied: expect.arrayContaining(['praise']) as unknown, text: expect.stringContaining('- low quality: ') as unknown })
  const [item] = await upcoming(backend, (await backend.call('review.queue', { annotator: 'ana' })).id)
  await label(backend, item!, 'dissatisfied', { categories: ['low quality'] })
  told.length = 0
  const text = 'Dissatisfied:\n- Poor: weak\n- late\nSatisfied:\n- quick'
  expect(await backend.call('signals.saveRubric', { text })).toEqual({ dissatisfied: ['poor', 'late'], satisfied: ['quick'], text })
  expect(told).toContain('signals')
  await expect(backend.call('signals.saveRubric', { text: 'Dissatisfied:' })).rejects.toThrow('at least one category')
  expect(await backend.call('signals.rubric', {})).toEqual({ dissatisfied: ['poor', 'late'], satisfied: ['quick'], text })
  expect((await backend.call('signals.judge', {})).rubric).toBe(text)
  const { key: _, ...settings } = await backend.call('signals.judge', {})
  await backend.call('signals.configureJudge', { settings: { ...settings, rubric: 'Dissatisfied:\n- cold' } })
  expect((await backend.call('signals.rubric', {})).dissatisfied).toEqual(['cold'])
  expect((await backend.call('conversations.get', { id: item!.conversationId })).signals[0]).toMatchObject({ decider: 'human', categories: ['low quality'] })
})

test('skipped turns come back when they are asked for', async () => {
  const backend = await aBackend()
  const { id } = await backend.call('review.queue', { annotator: 'ana' })
  const [skipped] = await upcoming(backend, id)
  await label(backend, skipped!, null)
  const back = await backend.call('review.queue', { annotator: 'ana', order: 'skipped' })
  expect((await upcoming(backend, back.id)).map(key)).toEqual([key(skipped!)])
  await label(backend, skipped!, 'satisfied')
  expect(await upcoming(backend, back.id)).toEqual([])
})

test('undo brings the turn back to its place, also after the backend was opened anew', async () => {
  const first = await aBackend()
  const { id } = await first.call('review.queue', { annotator: 'ana' })
  const [item] = await upcoming(first, id)
  await label(first, item!, 'satisfied', { note: 'hm' })
  const second = await openBackend({ workspace: first.workspace.path, host: 'cli' })
  onTestFinished(() => second.close())
  const { undone, item: back } = await second.call('review.undo', { annotator: 'ana', pass: 'first' })
  expect(undone).toMatchObject({ label: 'satisfied', note: 'hm' })
  expect(key(back!)).toBe(key(item!))
  expect(key((await upcoming(second, id))[0]!)).toBe(key(item!))
  expect(await second.call('review.undo', { annotator: 'ana', pass: 'first' })).toEqual({ undone: null, item: null })
})

test('a second pass asks another person for the same turns, without the labels they have', async () => {
  const backend = await aBackend({ count: 8 })
  const first = await labelAll(backend, (await backend.call('review.queue', { annotator: 'ana', target: 5 })).id, () => 'neutral')
  const second = await backend.call('review.queue', { annotator: 'ben', pass: 'second' })
  const items = await upcoming(backend, second.id)
  expect(items.map(key).toSorted()).toEqual(first.map(key).toSorted())
  expect(items.every(({ annotations }) => annotations.length === 0)).toBe(true)
  expect((await backend.call('review.queue', { annotator: 'ana', pass: 'second' })).size).toBe(0)
  expect((await backend.call('review.queue', { annotator: 'ana', pass: 'second', of: 'ana' })).size).toBe(5)
})

test('adjudicators see both labels, and their word settles the turn', async () => {
  const backend = await aBackend({ count: 8 })
  await labelAll(backend, (await backend.call('review.queue', { annotator: 'ana' })).id, () => 'neutral', { note: 'mine' })
  await labelAll(backend, (await backend.call('review.queue', { annotator: 'ben', pass: 'second' })).id, (_, i) => (i < 3 ? 'satisfied' : 'neutral'), { annotator: 'ben', pass: 'second', evidence: { start: 0, end: 2 } })
  const agreement = await backend.call('review.agreement', {})
  expect(agreement.pairs).toMatchObject([{ first: 'ana', second: 'ben', n: 8, raw: { estimate: 5 / 8 } }])
  const { id, size } = await backend.call('review.queue', { annotator: 'eva', pass: 'adjudication' })
  expect(size).toBe(3)
  const [item] = await upcoming(backend, id)
  expect(item?.annotations).toMatchObject([{ annotator: 'ana', label: 'neutral', note: 'mine' }, { annotator: 'ben', label: 'satisfied', evidence: { start: 0, end: 2 } }])
  expect(await label(backend, item!, 'dissatisfied', { annotator: 'eva', pass: 'adjudication' })).toMatchObject({ resolution: 'adjudicated' })
  expect((await backend.call('conversations.get', { id: item!.conversationId })).signals).toMatchObject([{ decider: 'human', deciderVersion: 'adjudicated', label: 'dissatisfied' }])
})

test('deciders that differ make a disagreement queue', async () => {
  const backend = await aBackend({ count: 8 })
  const { db } = backend.workspace
  db.exec("INSERT INTO signals SELECT conversation, turn_index, 'classifier', '1', CASE WHEN conversation = 2 THEN 'dissatisfied' ELSE label END, probability, '[]', NULL, NULL FROM signals WHERE decider = 'rules'")
  const { id } = await backend.call('review.queue', { annotator: 'ana', order: 'disagreement' })
  expect((await upcoming(backend, id)).map(({ messages }) => messages.at(-1)?.content)).toEqual(['thanks, perfect 1'])
})

test('an item ends with the reaction and never shows what came after; long contexts are cut at their beginning', async () => {
  const backend = await aBackend({ count: 0, judged: false })
  await importFiles(backend.workspace.db, [aJsonlFile([{ messages: turns(...Array.from({ length: 31 }, (_, i) => `message ${i}`)) }])])
  const { id } = await backend.call('review.queue', { annotator: 'ana', target: 15 })
  const items = (await backend.call('review.next', { queue: id, limit: 10 })).items
  for (const { messages, turnIndex, earlier } of items) {
    expect(messages.at(-1)?.content).toBe(`message ${turnIndex}`)
    expect(messages[0]?.content).toBe(`message ${earlier}`)
    expect(messages.length).toBeLessThanOrEqual(10)
  }
})

test('labels of turns that are none, and evidence beyond the words, are refused with what was expected', async () => {
  const backend = await aBackend({ count: 1 })
  const [item] = await upcoming(backend, (await backend.call('review.queue', { annotator: 'ana' })).id)
  await expect(label(backend, { ...item!, turnIndex: 1 }, 'neutral')).rejects.toThrow(/expected the index of a user message that follows an assistant message, got 1/)
  await expect(label(backend, { ...item!, conversationId: 'no' }, 'neutral')).rejects.toThrow(/expected the id of a conversation/)
  await expect(label(backend, item!, 'neutral', { evidence: { start: 5, end: 5000 } })).rejects.toThrow(/expected evidence within the user's \d+ characters, got 5 to 5000/)
  await expect(backend.call('review.next', { queue: 99 })).rejects.toThrow(/expected the id of a queue/)
})

test('the reader’s label is an entry of the log, and taking it back brings back what that person said before', async () => {
  const backend = await aBackend({ count: 1 })
  const [item] = await upcoming(backend, (await backend.call('review.queue', { annotator: 'ana' })).id)
  const give = (value: SignalLabel | null) => backend.call('signals.label', { conversationId: item!.conversationId, turnIndex: 2, label: value, annotator: 'ana' })
  expect(await give('satisfied')).toMatchObject({ signal: { decider: 'human', label: 'satisfied' } })
  expect(await give('neutral')).toMatchObject({ signal: { decider: 'human', label: 'neutral' } })
  await label(backend, item!, 'neutral', { annotator: 'ben' })
  expect(await give(null)).toMatchObject({ signal: { decider: 'rules' } })
  expect(await backend.call('review.undo', { annotator: 'ben', pass: 'first' })).toMatchObject({ undone: { label: 'neutral' } })
  expect((await backend.call('conversations.get', { id: item!.conversationId })).signals).toMatchObject([{ decider: 'human', label: 'satisfied' }])
  expect(await give(null)).toMatchObject({ signal: { decider: 'rules' } })
  expect((await backend.call('review.log', {})).rows.map(({ action, label }) => label ?? action)).toEqual(['undo', 'undo', 'undo', 'neutral', 'neutral', 'satisfied'])
})

test('guidelines start with ours and keep what is written', async () => {
  const backend = await aBackend({ count: 0, judged: false })
  expect((await backend.call('review.guidelines', {})).text).toMatch(/^What did the user think/)
  await backend.call('review.guidelines', { text: 'Only complaints count.' })
  expect((await backend.call('review.guidelines', {})).text).toBe('Only complaints count.')
})

test('exports hold every present label, its words and what the turn comes to, in both forms', async () => {
  const backend = await aBackend({ count: 2 })
  const items = await labelAll(backend, (await backend.call('review.queue', { annotator: 'ana' })).id, () => 'satisfied', { evidence: { start: 0, end: 4 }, note: 'a "quoted", two-line\nnote', categories: ['praise', 'humour'], seconds: 1.5 })
  await label(backend, items[0]!, 'neutral', { annotator: 'ben', pass: 'second', suggestion: 'hidden' })
  const { path, rows } = await backend.call('review.export', { path: 'labels.jsonl' })
  expect(rows).toBe(3)
  const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  const ofFirst = lines.filter((line) => line['conversation_id'] === items[0]!.conversationId)
  expect(ofFirst).toMatchObject([
    { annotator: 'ana', pass: 'first', label: 'satisfied', categories: ['praise', 'humour'], evidence: items[0]!.messages.at(-1)!.content.slice(0, 4), suggestion: 'shown', seconds: 1.5, resolution: 'disputed', resolved_label: null },
    { annotator: 'ben', pass: 'second', label: 'neutral', evidence: '', evidence_start: null, suggestion: 'hidden' },
  ])
  expect(lines.filter((line) => line['resolution'] === 'single')).toMatchObject([{ resolved_label: 'satisfied' }])
  const csv = readFileSync((await backend.call('review.export', { path: 'labels.csv' })).path, 'utf8')
  expect(csv.split('\r\n')[0]).toBe(Object.keys(lines[0]!).join(','))
  expect(csv).toContain('"a ""quoted"", two-line\nnote"')
  expect(csv.split('\r\n')).toHaveLength(5)
  await label(backend, items[1]!, 'neutral', { annotator: 'ben', pass: 'second', suggestion: 'hidden', note: 'asked ann@there.net' })
  const notes = async (mask: boolean): Promise<string[]> => readFileSync((await backend.call('review.export', { path: 'labels.jsonl', mask })).path, 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { note: string }).note)
  expect(await notes(false)).toContain('asked ann@there.net')
  expect(await notes(true)).toContain('asked [email]')
})
