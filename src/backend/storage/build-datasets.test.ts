import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import type { ConversationFilter } from '../../shared/browse.ts'
import { type BuildOptions, DEFAULT_BUILD } from '../../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { detectorNamed } from '../signals/detectors.ts'
import { runDetector } from '../signals/run-detector.ts'
import { buildDataset } from './build-datasets.ts'
import { readDataset, requireDataset } from './datasets.ts'
import type { WritableDb } from './open.ts'

const disliked = (category: string) => [{ turn_index: 2, dsat: true, kind: category }]

async function aLog(): Promise<WritableDb> {
  const db = anEmptyDatabase()
  await importFiles(db, [
    aJsonlFile([
      { source: 'a', model: 'm1', language: 'en', messages: turns('name two fruits', 'kiwi', 'that is one'), labels: disliked('instruction ignored') },
      { source: 'a', model: 'm2', language: 'en', messages: turns('Name two fruits!', 'kiwi', 'that is one'), labels: disliked('low quality') },
      { source: 'b', model: 'm1', language: 'de', messages: turns('nenne zwei Tiere', 'Hund', 'das ist eins', 'Hund, Katze', 'danke'), labels: disliked('instruction ignored') },
    ]),
  ])
  return db
}
const build = (db: WritableDb, options: Partial<BuildOptions>, name = 'd', kind: DatasetKind = 'feedback'): Dataset => buildDataset(db, { ...DEFAULT_BUILD, name, kind, ...options })

test('source, model, language, turns and category choose rows, and the recipe names them', async () => {
  const db = await aLog()
  expect(build(db, { model: 'm1' }, 'by model')).toMatchObject({ rows: 3, recipe: { model: 'm1', threshold: 0.5, lineage: { conversations: 2, signals: 2 } } })
  expect(build(db, { language: 'de' }, 'by language').rows).toBe(2)
  expect(build(db, { minTurns: 4 }, 'long').rows).toBe(2)
  expect(build(db, { maxTurns: 3 }, 'short').rows).toBe(2)
  build(db, { category: 'instruction ignored' }, 'by category')
  expect(readDataset(db, 'by category', 'feedback').map(({ reply, label }) => [reply, label])).toEqual([['kiwi', 'dissatisfied'], ['Hund', 'dissatisfied']])
  expect(() => build(db, { source: 'nowhere' })).toThrow('expected rows, got none')
})

test('of several values any will do; one alone, and none, are written as they always were', async () => {
  const db = await aLog()
  db.prepare("INSERT INTO conversation_tags (tag, conversation) VALUES ('keep', 1), ('maybe', 3)").run()
  const models = (name: string): string[] => readDataset(db, name, 'feedback').map(({ conversationId }) => db.prepare('SELECT source || model FROM conversations WHERE id = ?').pluck().get(conversationId) as string)
  build(db, { source: ['b', 'a'], model: ['m1'] }, 'both')
  expect(models('both')).toEqual(['am1', 'bm1', 'bm1'])
  expect(build(db, { category: ['low quality', 'instruction ignored'], language: ['de', 'en'] }, 'two reasons').rows).toBe(3)
  expect(build(db, { tag: ['keep', 'maybe'] }, 'tagged').rows).toBe(3)
  expect(build(db, { tag: 'keep' }, 'one tag').rows).toBe(1)
  expect(requireDataset(db, 'both').recipe).toEqual({ from: 'signals', source: ['a', 'b'], threshold: 0.5, model: 'm1', lineage: expect.anything() as unknown })
  expect(requireDataset(db, 'one tag').recipe).toEqual({ from: 'signals', source: null, threshold: 0.5, tag: 'keep', lineage: expect.anything() as unknown })
  // The same rows chosen by one value or by a list of it: one hash, one recipe, and both as snapshots have them since the first.
  const [one, listed] = [build(db, { source: 'a', model: 'm1' }, 'one'), build(db, { source: ['a', 'a'], model: ['m1'] }, 'listed')]
  expect([one.hash, JSON.stringify(one.recipe)]).toEqual([listed.hash, JSON.stringify(listed.recipe)])
  expect(JSON.stringify(one.recipe)).toBe('{"from":"signals","source":"a","threshold":0.5,"model":"m1","lineage":{"conversations":1,"signals":1,"candidates":1,"removed":{"exact":0,"near":0,"capped":0}}}')
})

test('a dissatisfied turn without a category is built and counted as unspecified', async () => {
  const db = await aLog()
  await importFiles(db, [aJsonlFile([{ source: 'c', messages: turns('q', 'r', 'no'), labels: [{ turn_index: 2, dsat: true }] }, { source: 'c', messages: turns('q2', 'r', 'fine'), labels: [{ turn_index: 2, dsat: false }] }])])
  expect(build(db, { category: 'unspecified' }, 'no reason')).toMatchObject({ rows: 1, statistics: expect.arrayContaining([{ group: 'category', label: 'unspecified', value: 1 }]) as unknown })
  expect(build(db, { category: ['unspecified', 'low quality'] }, 'either').rows).toBe(2)
})

test('built from what a search of conversations finds, or from those named, and the recipe says so', async () => {
  const db = await aLog()
  const [first, , third] = db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all() as [string, string, string]
  db.prepare("INSERT INTO conversation_tags (tag, conversation) VALUES ('keep', 3)").run()
  const filtered = (filter: ConversationFilter, name: string, more: Partial<BuildOptions> = {}) => build(db, { conversations: { filter }, ...more }, name)
  const fruits: ConversationFilter = { query: 'name fruits', model: 'm*', maxTurns: 3 }
  expect(filtered(fruits, 'words')).toMatchObject({ rows: 2, recipe: { conversations: { filter: fruits }, lineage: { conversations: 2 } } })
  expect(filtered({ tag: 'keep', signal: 'dissatisfied' }, 'tagged').rows).toBe(2)
  expect(filtered({ tag: 'keep' }, 'liked', { category: 'instruction ignored' }).rows).toBe(1)
  // The options beside it narrow it further.
  expect(filtered({ query: 'name fruits' }, 'one', { model: 'm2' }).rows).toBe(1)
  expect(() => filtered({ query: 'name fruits' }, 'none', { source: 'b' })).toThrow('expected rows, got none')
  const named = build(db, { conversations: { ids: [third, first] } }, 'named')
  expect(named).toMatchObject({ rows: 3, recipe: { conversations: { ids: [third, first] } } })
  expect(readDataset(db, 'named', 'feedback').map(({ conversationId }) => conversationId)).toEqual([first, third, third])
  expect(() => build(db, { conversations: { ids: ['x'] } }, 'nobody')).toThrow('expected ids of this workspace, got "x"')
})

test('only the deciders named have a say, the strongest of them first', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([{ messages: turns('q', 'r', 'this is wrong'), labels: [{ turn_index: 2, dsat: false }] }])])
  await runDetector(db, detectorNamed('rules'))
  const labelUnder = (name: string, deciders?: BuildOptions['deciders']): string | undefined => {
    build(db, { deciders }, name)
    return readDataset(db, name, 'feedback')[0]?.label
  }
  expect(labelUnder('all')).toBe('neutral')
  expect(labelUnder('rules', ['rules'])).toBe('dissatisfied')
  expect(labelUnder('both', ['rules', 'imported'])).toBe('neutral')
  expect(labelUnder('nobody', ['human'])).toBe('neutral')
})

test('duplicates go, and the recipe counts them', async () => {
  const db = await aLog()
  expect(build(db, { dedup: 'exact' })).toMatchObject({ rows: 3, recipe: { dedup: 'exact', lineage: { candidates: 4, removed: { exact: 1, near: 0, capped: 0 } } } })
  expect(build(db, { maxPerSource: 1 }, 'capped')).toMatchObject({ rows: 2, recipe: { maxPerSource: 1, seed: 1, lineage: { removed: { capped: 2 } } } })
})

test('what is held out is a dataset of its own, by conversation and by user', async () => {
  const db = anEmptyDatabase()
  const rows = Array.from({ length: 40 }, (_, i) => ({ messages: turns(`question ${i}`, 'a', 'no', 'b', 'thanks'), metadata: { user_id: `u${i % 10}` }, labels: [{ turn_index: 2, dsat: true }, { turn_index: 4, dsat: false, sat: true }] }))
  await importFiles(db, [aJsonlFile(rows)])
  const made = build(db, { heldOut: 0.25 }, 'pairs', 'preference')
  expect(made).toMatchObject({ rows: 32, recipe: { split: 'train', heldOut: { dataset: 'pairs-heldout', rows: 8 }, splitBy: 'user' } })
  expect(requireDataset(db, 'pairs-heldout')).toMatchObject({ rows: 8, recipe: { split: 'held out', of: 'pairs' } })
  const questions = (name: string): number[] => readDataset(db, name, 'preference').map(({ prompt }) => Number(prompt[0]?.content.split(' ')[1]) % 10)
  expect(questions('pairs').filter((user) => questions('pairs-heldout').includes(user))).toEqual([])
  // The same again is the same; nothing half written where the held-out name is taken by other rows.
  expect(build(db, { heldOut: 0.25 }, 'pairs', 'preference')).toEqual(made)
  expect(() => build(db, { heldOut: 0.01 }, 'other', 'preference')).toThrow('no group fits into 0.01 of 40 rows (split by user)')
})

test.each<[string, (i: number, user: string) => object]>([
  ['OpenAI rows', (i, user) => ({ user, messages: turns(`question ${i}`, 'a') })],
  ['OASST trees', (i, user) => ({ message_tree_id: `t${i}`, prompt: { message_id: `t${i}`, user_id: user, role: 'prompter', text: `question ${i}`, replies: [{ message_id: `r${i}`, user_id: 'another', role: 'assistant', text: 'a' }] } })],
  ['Langfuse traces', (i, user) => ({ id: `t${i}`, timestamp: '2026-01-02', userId: user, input: `question ${i}`, output: 'a' })],
  ['tables', (i, user) => ({ customer_id: user, question: `question ${i}`, answer: 'a' })],
])('users named in %s never lie on both sides of a split', async (_, row) => {
  const db = anEmptyDatabase()
  expect(await importFiles(db, [aJsonlFile(Array.from({ length: 40 }, (_, i) => row(i, `u${i % 10}`)))])).toMatchObject({ imported: 40, quarantined: 0 })
  expect(build(db, { heldOut: 0.25 }, 'asked', 'prompts')).toMatchObject({ rows: 32, recipe: { splitBy: 'user' } })
  const users = (name: string): number[] => readDataset(db, name, 'prompts').map(({ prompt }) => Number(prompt[0]?.content.split(' ')[1]) % 10)
  expect(users('asked').filter((user) => users('asked-heldout').includes(user))).toEqual([])
})

test('rows are counted by source, language and category', async () => {
  const db = await aLog()
  const grouped = (name: string) => build(db, {}).statistics.filter(({ group }) => group === name).map(({ label, value }) => [label, value])
  expect(grouped('source')).toEqual([['a', 2], ['b', 2]])
  expect(grouped('language')).toEqual([['de', 2], ['en', 2]])
  expect(grouped('category')).toEqual([['instruction ignored', 2], ['low quality', 1]])
})
