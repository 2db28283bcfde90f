import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase, turns } from '../../../tests/support/workspace.ts'
import { importFiles } from '../imports/import-files.ts'
import { deleteConversations, positionsOf } from '../storage/deletion.ts'
import { noProvenance } from '../../core/datasets.ts'
import type { Pair } from '../../shared/types.ts'
import { createDataset, requireDataset } from '../storage/datasets.ts'
import type { WritableDb } from '../storage/open.ts'
import { checkContamination } from './check.ts'
import { fixDataset } from './lint.ts'

const reference = join(import.meta.dirname, '..', '..', '..', 'tests', 'reference')
const folder = join(reference, 'sentence-encoder')
const read = <Kind>(...path: string[]): Kind => JSON.parse(readFileSync(join(reference, ...path), 'utf8')) as Kind
const { texts } = read<{ texts: string[] }>('sentence-encoder', 'expected.json')
/** Made by scripts/reference_cosine.py: numpy's similarities of the vectors of sentence-transformers. */
const { sentences } = read<{ sentences: { rows: number[]; prompts: number[]; best: number[]; at: number[]; histogram: number[] } }>('cosine.json')

const pair = (prompt: string): Pair => ({ prompt: [{ role: 'user', content: prompt }], chosen: 'yes', rejected: 'no, write to ana@mail.de', task: null, provenance: noProvenance })
function aDataset(asked: readonly string[]): WritableDb {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'pairs', kind: 'preference', rows: asked.map(pair), recipe: {} })
  return db
}
const promptFile = (): string => aJsonlFile(sentences.prompts.map((i) => ({ instruction: texts[i]! })))
const keptVectors = (db: WritableDb): unknown => db.prepare('SELECT count(*) FROM text_vectors').pluck().get()

test("each row's nearest prompt and its cosine are those of sentence-transformers and numpy to 1e-5; the stamp says by what", async () => {
  const asked = sentences.rows.map((i) => texts[i]!)
  // What nobody asks has no meaning; what is asked twice is one pair.
  const db = aDataset([...asked, ' ', asked[0]!])
  const threshold = [...sentences.best].sort((a, b) => b - a)[2]! - 1e-4
  const { contamination } = await checkContamination(db, { name: 'pairs', files: [promptFile()], folder, threshold })
  const { nearest, histogram, ...rest } = contamination!.meaning!
  expect(rest).toEqual({ encoder: expect.stringContaining('32 dimensions') as string, version: expect.stringMatching(/^[0-9a-f]{64}$/) as string, folder, threshold })
  expect(nearest).toHaveLength(asked.length)
  for (const { row, cosine, asked: own, prompt } of nearest) {
    expect(Math.abs(cosine - sentences.best[row]!)).toBeLessThan(1e-5)
    expect([own, prompt]).toEqual([asked[row]!.slice(0, 400), texts[sentences.prompts[sentences.at[row]!]!]])
  }
  expect(nearest.map(({ cosine }) => cosine)).toEqual(nearest.map(({ cosine }) => cosine).sort((a, b) => b - a))
  expect(histogram.reduce((sum, rows) => sum + rows)).toBe(asked.length + 1)
  const reaching = sentences.best.flatMap((cosine, row) => (cosine >= threshold ? [row] : []))
  expect(contamination!.rows).toEqual(sentences.best[0]! >= threshold ? [...reaching, asked.length + 1] : reaching)
  expect(contamination!.counts).toEqual({ 'source-id': 0, exact: 0, ngram: 0, similar: 0, meaning: contamination!.rows.length })
})

test('vectors are kept by text and model: a fix compares again without the model, and says nothing of texts it has no vectors of', async () => {
  const asked = sentences.rows.map((i) => texts[i]!)
  const db = aDataset([...asked, 'what does ana@mail.de mean'])
  const files = [promptFile()]
  const checked = await checkContamination(db, { name: 'pairs', files, folder, threshold: Math.max(...sentences.best) - 1e-4 })
  const found = checked.contamination!.rows.length
  expect(found).toBeGreaterThan(0)
  const kept = keptVectors(db)
  const dropped = await fixDataset(db, { name: 'pairs', fix: 'contamination', as: 'clean', model: null, maxLength: null })
  expect(dropped.contamination).toMatchObject({ rows: [], meaning: { version: checked.contamination!.meaning!.version, threshold: checked.contamination!.meaning!.threshold } })
  expect(dropped.contamination!.meaning!.nearest).toHaveLength(asked.length + 1 - found)
  expect(keptVectors(db)).toBe(kept)
  const masked = await fixDataset(db, { name: 'clean', fix: 'personal-data', as: 'masked', model: null, maxLength: null })
  expect(masked.contamination).toMatchObject({ counts: { meaning: 0 }, meaning: null })
  await checkContamination(db, { name: 'masked', files, folder, threshold: 0.99 })
  expect(keptVectors(db)).toBe(Number(kept) + 1)
})

test('cancelled, vectors that were computed stay and the dataset is as it was', async () => {
  const db = aDataset(Array.from({ length: 300 }, (_, i) => `number ${i}`))
  const check = { name: 'pairs', files: [promptFile()], folder, threshold: 0.9 }
  await expect(checkContamination(db, check, (done, _, stage) => {
    if (stage === 'comparing by meaning' && done === 256) throw new Error('cancelled')
  })).rejects.toThrow('cancelled')
  expect(keptVectors(db)).toBe(sentences.prompts.length + 256)
  expect(requireDataset(db, 'pairs').contamination).toBeNull()
  await checkContamination(db, check)
  expect(keptVectors(db)).toBe(sentences.prompts.length + 300)
  await expect(checkContamination(db, { ...check, folder: '/no/model' })).rejects.toThrow('found nothing at /no/model')
})

test('no vector outlives the conversation whose words it may be of', async () => {
  const db = aDataset(sentences.rows.map((i) => texts[i]!))
  await checkContamination(db, { name: 'pairs', files: [promptFile()], folder, threshold: 0.85 })
  expect(keptVectors(db)).toBeGreaterThan(0)
  await importFiles(db, [aJsonlFile([{ messages: turns('name two fruits', 'kiwi', 'one is missing') }])])
  await deleteConversations(db, positionsOf(db, db.prepare('SELECT id FROM conversations').pluck().all() as string[]), new Date(0))
  expect(keptVectors(db)).toBe(0)
})
