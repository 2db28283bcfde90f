import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import type { PromptRow } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { detectorNamed } from '../signals/detectors.ts'
import { runDetector } from '../signals/run-detector.ts'
import { DEFAULT_BUILD } from '../../shared/datasets.ts'
import { buildDataset, buildFeedback, buildSeedPairs } from './build-datasets.ts'
import { createDataset, eachDatasetRow, hasDataset, listDatasets, pageOfDatasetRows, readDataset, readExtremeRows } from './datasets.ts'
import { usesOf } from './lineage.ts'
import type { WritableDb } from './open.ts'

const prompt = (content: string): PromptRow => ({ prompt: [{ role: 'user', content }], task: null, conversationId: null })

async function aLog(): Promise<WritableDb> {
  const db = anEmptyDatabase()
  const labels = [{ turn_index: 2, dsat: true }, { turn_index: 4, dsat: false, sat: true }]
  await importFiles(db, [
    aJsonlFile([
      { source: 'a', messages: turns('q1', 'bad', 'hm', 'good', 'ok'), labels },
      { source: 'a', messages: turns('q2', 'reply') },
      { source: 'b', messages: turns('q3', 'bad3', 'hm', 'good3', 'ok'), labels },
      { source: 'b', messages: turns('q1', 'another reply') },
    ]),
  ])
  return db
}

test('feedback, seed pairs and prompts come from the winning signals, for one source or all', async () => {
  const db = await aLog()
  expect(buildFeedback(db).map(({ label }) => label)).toEqual(['dissatisfied', 'satisfied', 'neutral', 'dissatisfied', 'satisfied', 'neutral'])
  expect(buildFeedback(db, { source: 'b' }).map(({ reply }) => reply)).toEqual(['bad3', 'good3', 'another reply'])
  expect(buildSeedPairs(db, { source: 'a' })).toMatchObject([{ chosen: 'good', rejected: 'bad' }])
  buildDataset(db, { ...DEFAULT_BUILD, name: 'p', kind: 'prompts' })
  expect(readDataset(db, 'p', 'prompts').map((row) => row.prompt[0]?.content)).toEqual(['q1', 'q2', 'q3'])
})

test('rules decide only where nothing better is known', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([{ messages: turns('q', 'r', 'this is wrong'), labels: [{ turn_index: 2, dsat: false }] }, { messages: turns('q', 'r2', 'this is wrong') }])])
  await runDetector(db, detectorNamed('rules'))
  expect(buildFeedback(db).map(({ label }) => label)).toEqual(['neutral', 'dissatisfied'])
  expect(buildFeedback(db, { threshold: 0.999 }).map(({ label }) => label)).toEqual(['neutral', 'neutral'])
})

test('a snapshot keeps its rows when signals change later', async () => {
  const db = await aLog()
  const made = buildDataset(db, { ...DEFAULT_BUILD, name: 'f', kind: 'feedback', source: 'a' })
  expect(made).toMatchObject({ rows: 3, kind: 'feedback', recipe: { source: 'a', threshold: 0.5 } })
  expect(Object.fromEntries(made.statistics.map(({ label, value }) => [label, value]))).toMatchObject({ conversations: 2, dissatisfied: 1, satisfied: 1, neutral: 1 })
  const before = readDataset(db, 'f', 'feedback')
  db.exec("UPDATE signals SET label = 'neutral'")
  expect(readDataset(db, 'f', 'feedback')).toEqual(before)
})

test('the same rows under the same name are the same dataset, other rows are refused', () => {
  const db = anEmptyDatabase()
  const first = createDataset(db, { name: 'p', kind: 'prompts', rows: [prompt('a'), prompt('b')], recipe: {} })
  expect(createDataset(db, { name: 'p', kind: 'prompts', rows: [prompt('a'), prompt('b')], recipe: { other: 1 } })).toEqual(first)
  expect(() => createDataset(db, { name: 'p', kind: 'prompts', rows: [prompt('b'), prompt('a')], recipe: {} })).toThrow(/it exists with other rows.*choose another name/)
  expect(createDataset(db, { name: 'q', kind: 'prompts', rows: [prompt('a'), prompt('b')], recipe: {} }).hash).toBe(first.hash)
  expect(() => createDataset(db, { name: 'none', kind: 'preference', rows: [], recipe: {} })).toThrow(/expected rows, got none.*run the signals first/)
  expect(listDatasets(db).map(({ name }) => name)).toEqual(['q', 'p'])
  expect([hasDataset(db, 'p'), hasDataset(db, 'none')]).toEqual([true, false])
})

test('rows are paged, read whole, and asked for by kind and by a name that exists', () => {
  const db = anEmptyDatabase()
  const rows = Array.from({ length: 2500 }, (_, i) => prompt(`p${i}`))
  createDataset(db, { name: 'p', kind: 'prompts', rows, recipe: {} })
  expect(readDataset(db, 'p', 'prompts')).toEqual(rows)
  expect(pageOfDatasetRows(db, 'p', 2499, 10)).toEqual({ total: 2500, rows: rows.slice(2499) })
  expect(() => readDataset(db, 'p', 'feedback')).toThrow('dataset p: expected kind feedback, got prompts')
  expect(() => readDataset(db, 'x', 'feedback')).toThrow(/got "x"\. There are: p/)
  // Writing in the midst of reading is what an export beside other calls does.
  const iterator = eachDatasetRow(db, 'p')
  iterator.next()
  createDataset(db, { name: 'r', kind: 'prompts', rows: [prompt('a')], recipe: {} })
  expect([...iterator].length).toBe(2499)
})

test('a conversation knows the datasets and runs it went into', async () => {
  const db = await aLog()
  buildDataset(db, { ...DEFAULT_BUILD, name: 'f', kind: 'feedback' })
  buildDataset(db, { ...DEFAULT_BUILD, name: 's', kind: 'preference' })
  const settings = JSON.stringify({ dataset: 'f', warm_start: { dataset: 's' } })
  db.prepare("INSERT INTO runs (id, name, method, recipe, status, rounds, seed, base_model, engine, threads, yaml, settings, created_at) VALUES ('run-1', 'n', 'drift', 'drift', 'done', 1, 1, 'm', 'embedded', 1, '', ?, '')").run(settings)
  const ids = db.prepare('SELECT id FROM conversations ORDER BY position').pluck().all() as string[]
  expect(usesOf(db, ids[0] ?? '')).toEqual([{ dataset: 'f', run: 'run-1' }, { dataset: 's', run: 'run-1' }])
  expect(usesOf(db, ids[1] ?? '')).toEqual([{ dataset: 'f', run: 'run-1' }])
  expect(usesOf(db, 'nobody')).toEqual([])
})

test('the rows with most bytes come first, and the one with fewest, of one dataset alone', () => {
  const db = anEmptyDatabase()
  const words = Array.from({ length: 100 }, (_, i) => 'é'.repeat((i * 37) % 100))
  createDataset(db, { name: 'other', kind: 'prompts', rows: [prompt('x'.repeat(900))], recipe: {} })
  const dataset = createDataset(db, { name: 'd', kind: 'prompts', rows: words.map(prompt), recipe: {} })
  const lengths = (rows: unknown[]): number[] => rows.map((row) => (row as PromptRow).prompt[0]?.content.length ?? NaN)
  const { largest, smallest } = readExtremeRows(db, dataset, 3)
  expect(lengths(largest)).toEqual([99, 98, 97])
  expect(lengths([smallest])).toEqual([0])
  expect(lengths(readExtremeRows(db, dataset, 70).largest)).toHaveLength(70)
})
