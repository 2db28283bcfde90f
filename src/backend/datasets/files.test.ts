import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyDatabase } from '../../../tests/support/workspace.ts'
import type { FeedbackRow, Message, Pair, PromptRow } from '../../shared/types.ts'
import { createDataset } from '../storage/datasets.ts'
import type { ExportFormat } from '../../shared/datasets.ts'
import type { WritableDb } from '../storage/open.ts'
import { exportDataset } from './export.ts'
import { readDatasetFile } from './files.ts'

const exported = (db: WritableDb, name: string, format: ExportFormat, path: string) => exportDataset(db, { name, format, path, mask: false })
const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })
const task = { verifier: 'requests', spec: { n: 2 } }
const feedback: FeedbackRow[] = [
  { prompt: [user('q')], reply: 'bad', label: 'dissatisfied', userFeedback: 'wrong', conversationId: 'c1', turnIndex: 2, task },
  { prompt: [user('q')], reply: 'good', label: 'satisfied', userFeedback: 'thanks', conversationId: 'c1', turnIndex: 4, task: null },
  { prompt: [user('q')], reply: 'so so', label: 'neutral', userFeedback: null, conversationId: 'c2', turnIndex: 2, task: null },
  { prompt: [user('q')], reply: 'worse', label: 'dissatisfied', userFeedback: null, conversationId: 'c3', turnIndex: 2, task: null },
]
const pairs: Pair[] = [
  { prompt: [user('q')], chosen: 'good', rejected: 'bad', task, provenance: { conversationId: 'c1', turnIndex: 2, userFeedback: 'wrong', round: 1, policy: 'p', seed: 3 } },
  { prompt: [user('q2')], chosen: 'a', rejected: 'b', task: null, provenance: { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: null, seed: null } },
]
const prompts: PromptRow[] = [{ prompt: [user('q')], task, conversationId: 'c1' }]
const lines = (text: string): unknown[] => text.trim().split('\n').map((line): unknown => JSON.parse(line))

test('preference rows: message lists and provenance columns; what is written is what is read', async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'pairs', kind: 'preference', rows: pairs, recipe: {} })
  const file = join(aFolder(), 'new', 'pairs.jsonl')
  expect(await exported(db, 'pairs', 'trl-jsonl', file)).toEqual({ path: file, rows: 2 })
  expect(lines(readFileSync(file, 'utf8'))[0]).toEqual({
    prompt: [user('q')], chosen: [assistant('good')], rejected: [assistant('bad')], conversation_id: 'c1', turn_index: 2, user_feedback: 'wrong', round: 1, policy: 'p', seed: 3, task,
  })
  expect(await readDatasetFile(file, 'preference')).toEqual(pairs)
})

test("feedback as DRIFT's rows: dissatisfied replies with the user's words, gzip where the name says so", async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'f', kind: 'feedback', rows: feedback, recipe: {} })
  const file = join(aFolder(), 'f.jsonl.gz')
  expect(await exported(db, 'f', 'drift', file)).toEqual({ path: file, rows: 1 })
  expect(lines(gunzipSync(readFileSync(file)).toString())).toEqual([{ prompt: [user('q')], rejected: [assistant('bad')], user_preference: { role: 'user', content: 'wrong' }, conversation_id: 'c1', turn_index: 2, task }])
  expect(await readDatasetFile(file, 'feedback')).toEqual([feedback[0]])
})

test("feedback as TRL's unpaired rows: neutral ones have no label", async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'f', kind: 'feedback', rows: feedback, recipe: {} })
  const file = join(aFolder(), 'f.jsonl')
  expect((await exported(db, 'f', 'trl-jsonl', file)).rows).toBe(3)
  expect(lines(readFileSync(file, 'utf8'))).toMatchObject([{ completion: [assistant('bad')], label: false }, { completion: [assistant('good')], label: true }, { label: false, user_feedback: null }])
})

test('prompts are written and read', async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'p', kind: 'prompts', rows: prompts, recipe: {} })
  const file = join(aFolder(), 'p.jsonl')
  await exported(db, 'p', 'trl-jsonl', file)
  expect(await readDatasetFile(file, 'prompts')).toEqual(prompts)
})

test("files of others: our rows, DRIFT's, TRL's texts and implicit prompts", async () => {
  expect(await readDatasetFile(aJsonlFile(feedback), 'feedback')).toEqual(feedback)
  expect(await readDatasetFile(aJsonlFile(pairs), 'preference')).toEqual(pairs)
  const [row] = await readDatasetFile(aJsonlFile([{ prompt: 'q', rejected: 'bad', user_preference: { content: 'no' } }]), 'feedback')
  expect(row).toMatchObject({ prompt: [user('q')], reply: 'bad', label: 'dissatisfied', userFeedback: 'no', turnIndex: 2, task: null, conversationId: expect.stringMatching(/^[0-9a-f]{32}$/) as string })
  expect(await readDatasetFile(aJsonlFile([{ chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] }]), 'preference')).toMatchObject([{ prompt: [user('q')], chosen: 'a', rejected: 'b' }])
  expect(await readDatasetFile(aJsonlFile([{ prompt: 'q' }]), 'prompts')).toEqual([{ prompt: [user('q')], task: null, conversationId: null }])
})

test('one bad row is an error with file, row and reason', async () => {
  const file = aJsonlFile([pairs[0], { prompt: 'q', chosen: 'a' }])
  await expect(readDatasetFile(file, 'preference')).rejects.toThrow(`dataset file ${file}, row 2: expected {prompt, chosen, rejected}, {conversations, chosen, rejected} or {real, generated}, got the keys prompt, chosen`)
  await expect(readDatasetFile(aJsonlFile(['{"prompt"']), 'prompts')).rejects.toThrow(/row 1: .*JSON/)
  await expect(readDatasetFile(aJsonlFile([{ ...feedback[0], label: 'bad' }]), 'feedback')).rejects.toThrow(/row 1: label: /)
  await expect(readDatasetFile(aJsonlFile([]), 'prompts')).rejects.toThrow('expected rows, got none')
  await expect(readDatasetFile('/nowhere.jsonl', 'prompts')).rejects.toThrow('found neither at /nowhere.jsonl')
})

test('an export that fails leaves nothing behind', async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'p', kind: 'prompts', rows: prompts, recipe: {} })
  await expect(exported(db, 'p', 'drift', join(aFolder(), 'x'))).rejects.toThrow('format drift does not hold a dataset of kind prompts. Use trl-jsonl, trl-parquet')
  const blocked = join(aJsonlFile([]), 'below-a-file.jsonl')
  await expect(exported(db, 'p', 'trl-jsonl', blocked)).rejects.toThrow(/cannot be written/)
  expect(existsSync(blocked)).toBe(false)
  const folder = aFolder()
  await exported(db, 'p', 'trl-jsonl', join(folder, 'p.jsonl'))
  expect(readdirSync(dirname(join(folder, 'p.jsonl')))).toEqual(['p.jsonl'])
})
