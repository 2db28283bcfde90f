import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { aJsonlFile, anEmptyDatabase } from '../../../tests/support/workspace.ts'
import { noProvenance } from '../../core/datasets.ts'
import { DEFAULT_BUILD } from '../../shared/datasets.ts'
import type { Pair } from '../../shared/types.ts'
import { SHIPPED_BASE } from '../demo/base.ts'
import { importFiles } from '../imports/import-files.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import { createDataset, hasDataset, readDataset, requireDataset } from '../storage/datasets.ts'
import type { WritableDb } from '../storage/open.ts'
import { checkContamination } from './check.ts'
import { fixDataset, lintDataset } from './lint.ts'

const pair = (prompt: string, chosen: string, rejected: string, conversationId: string | null = null): Pair => ({ prompt: [{ role: 'user', content: prompt }], chosen, rejected, task: null, provenance: { ...noProvenance, conversationId } })
const none = { model: null, maxLength: null }
const byWording = { folder: null, threshold: 0.85 }

function aDatabase(): WritableDb {
  const db = anEmptyDatabase()
  const rows = [pair('name two fruits', 'kiwi, fig', 'Kiwi, fig!'), pair('where are you', 'at home', 'write to ana@mail.de'), pair('name two animals', 'dog, cat', 'dog')]
  createDataset(db, { name: 'pairs', kind: 'preference', rows, recipe: { lineage: { conversations: 3 } } })
  return db
}

test('every fix is a new snapshot that names its parent; the parent stays', async () => {
  const db = aDatabase()
  expect(lintDataset(db, { name: 'pairs', ...none }).findings.map(({ kind, total, fix }) => [kind, total, fix])).toEqual([['identical-sides', 1, 'drop'], ['personal-data', 1, 'mask']])
  const dropped = await fixDataset(db, { name: 'pairs', fix: 'identical-sides', as: null, ...none })
  expect(dropped).toMatchObject({ name: 'pairs-2', rows: 2, recipe: { from: 'fix', parent: 'pairs', parentHash: requireDataset(db, 'pairs').hash, fix: 'identical-sides', action: 'drop', rows: 1, lineage: { conversations: 3 } } })
  const masked = await fixDataset(db, { name: 'pairs-2', fix: 'personal-data', as: 'masked', ...none })
  expect(readDataset(db, masked.name, 'preference').map(({ rejected }) => rejected)).toEqual(['write to [email]', 'dog'])
  expect(lintDataset(db, { name: 'masked', ...none }).findings).toEqual([])
  expect(requireDataset(db, 'pairs').rows).toBe(3)
  await expect(fixDataset(db, { name: 'masked', fix: 'duplicate', as: null, ...none })).rejects.toThrow('expected a finding of kind duplicate to fix, found none')
})

test("under a model rows are counted with its tokenizer, and its template's end of a reply is seen", () => {
  const db = aDatabase()
  const { findings, maxLength } = lintDataset(db, { name: 'pairs', model: SHIPPED_BASE, maxLength: 12 })
  expect(maxLength).toBe(12)
  expect(findings.map(({ kind }) => kind)).toContain('truncation')
  expect(findings.map(({ kind }) => kind)).not.toContain('missing-eos')
  expect(lintDataset(db, { name: 'pairs', model: SHIPPED_BASE, maxLength: null }).findings.map(({ kind }) => kind)).not.toContain('truncation')
  expect(() => lintDataset(db, { name: 'pairs', model: '/nowhere', maxLength: null })).toThrow('/nowhere')
})

test('the guard stamps the snapshot, its fix drops what meets a prompt, and the new snapshot is clean', async () => {
  const db = aDatabase()
  const alpaca = aJsonlFile([{ instruction: 'Name two fruits!' }, { instruction: 'something else' }], 'alpaca.jsonl')
  const checked = await checkContamination(db, { name: 'pairs', files: [alpaca], ...byWording })
  expect(checked.contamination).toMatchObject({ rows: [0], ngram: 13, counts: { 'source-id': 0, exact: 1, ngram: 0, similar: 0 }, examples: [{ row: 0, by: 'exact', prompt: 'Name two fruits!' }], files: [{ path: alpaca, prompts: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }] })
  const clean = await fixDataset(db, { name: 'pairs', fix: 'contamination', as: null, ...none })
  expect(clean).toMatchObject({ rows: 2, contamination: { rows: [] } })
  await expect(fixDataset(db, { name: clean.name, fix: 'contamination', as: null, ...none })).rejects.toThrow('found none')
  rmSync(alpaca)
  await expect(fixDataset(db, { name: 'pairs', fix: 'personal-data', as: 'unstamped', ...none })).rejects.toThrow(`found none at ${alpaca}`)
  expect(hasDataset(db, 'unstamped')).toBe(false)
  await expect(checkContamination(db, { name: 'pairs', files: ['/no/file.json'], ...byWording })).rejects.toThrow('found none at /no/file.json')
  await expect(checkContamination(db, { name: 'pairs', files: [aJsonlFile([{ text: 1 }])], ...byWording })).rejects.toThrow(/row 1: expected instruction/)
})

test('a conversation of the evaluation is known by the id it was imported with', async () => {
  const db = anEmptyDatabase()
  await importFiles(db, [aJsonlFile([{ conversation_hash: 'abc', conversation: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }] }])])
  buildDataset(db, { ...DEFAULT_BUILD, name: 'd', kind: 'prompts' })
  const { contamination } = await checkContamination(db, { name: 'd', files: [aJsonlFile([{ id: 'abc', conversation_input: [{ role: 'user', content: 'reworded' }] }])], ...byWording })
  expect(contamination?.counts['source-id']).toBe(1)
})
