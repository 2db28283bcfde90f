import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { aFolder, anEmptyDatabase } from '../../../tests/support/workspace.ts'
import { detectFormat } from '../../core/import/index.ts'
import type { Row } from '../../core/import/format.ts'
import type { ExportFormat } from '../../shared/datasets.ts'
import type { FeedbackRow, Message, Pair, PromptRow } from '../../shared/types.ts'
import { createDataset } from '../storage/datasets.ts'
import { exportDataset } from './export.ts'
import { readDatasetFile } from './files.ts'

/** Texts as logs have them: any Unicode, quotes, line breaks; never blank, which no reader takes for a message. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a "quoted"\r\nline', '\u2028', '{"json": 1}', 'ünï¢ödé 🐝', '\t')).map((drawn) => `${drawn.toWellFormed()}.`)
const prompt = fc.tuple(fc.option(text), fc.array(fc.tuple(text, text), { maxLength: 2 }), text).map(([system, turns, last]): Message[] => [
  ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
  ...turns.flatMap(([asked, answered]): Message[] => [{ role: 'user', content: asked }, { role: 'assistant', content: answered }]),
  { role: 'user', content: last },
])
const task = fc.option(fc.record({ verifier: fc.constant('requests'), spec: fc.constant({ n: 2 }) }))
const pair: fc.Arbitrary<Pair> = fc.record({
  prompt, chosen: text, rejected: text, task,
  provenance: fc.record({ conversationId: fc.option(text), turnIndex: fc.option(fc.nat()), userFeedback: fc.option(text), round: fc.option(fc.nat()), policy: fc.option(text), seed: fc.option(fc.integer()) }),
}).filter(({ chosen, rejected }) => chosen !== rejected)
const feedback: fc.Arbitrary<FeedbackRow> = fc.record({ prompt, reply: text, label: fc.constantFrom('dissatisfied', 'satisfied', 'neutral'), userFeedback: fc.option(text), conversationId: text, turnIndex: fc.nat(), task })
const prompts: fc.Arbitrary<PromptRow> = fc.record({ prompt, task, conversationId: fc.option(text) })
const rowsOf = <Value>(row: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> => fc.array(row, { minLength: 1, maxLength: 6 })

async function write(kind: 'preference' | 'feedback' | 'prompts', rows: readonly (Pair | FeedbackRow | PromptRow)[], format: ExportFormat, mask = false): Promise<string> {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'd', kind, rows: rows as never, recipe: {} })
  return (await exportDataset(db, { name: 'd', format, path: join(aFolder(), 'out'), mask })).path
}
const jsonLines = (file: string): Row[] => readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Row)
const parquetRows = async (file: string): Promise<Row[]> => (await parquetReadObjects({ file: await asyncBufferFromFile(file) })) as Row[]
/** As JSON holds them: integers come as bigint, a task as its JSON text. */
const plain = ({ task: json, ...row }: Row): Row => ({ ...Object.fromEntries(Object.entries(row).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value])), ...(typeof json === 'string' ? { task: JSON.parse(json) as unknown } : {}) })
const imported = (row: Row) => detectFormat(row)!.read([row])[0]
const said = ({ prompt: asked, ...sides }: Pair) => ({ prompt: asked, chosen: sides.chosen, rejected: sides.rejected })
const property = <Value>(rows: fc.Arbitrary<Value>, holds: (rows: Value) => Promise<void>) => fc.assert(fc.asyncProperty(rows, holds), { numRuns: 25 })

describe('every export re-imports to the same content', () => {
  test('TRL JSONL and Parquet: rows with their provenance, message lists as lists', () =>
    property(rowsOf(pair), async (rows) => {
      const jsonl = await write('preference', rows, 'trl-jsonl')
      expect(await readDatasetFile(jsonl, 'preference')).toEqual(rows)
      expect((await parquetRows(await write('preference', rows, 'trl-parquet'))).map(plain)).toEqual(jsonLines(jsonl))
    }))

  test('judged replies: TRL unpaired in both, LLaMA-Factory with kto_tag, DRIFT rows', () =>
    property(rowsOf(feedback), async (rows) => {
      const judged = rows.filter(({ label }) => label !== 'neutral')
      const unpaired = jsonLines(await write('feedback', rows, 'trl-jsonl'))
      expect(unpaired.map(({ prompt: asked, completion, label }) => ({ asked, completion, label }))).toEqual(judged.map((row) => ({ asked: row.prompt, completion: [{ role: 'assistant', content: row.reply }], label: row.label === 'satisfied' })))
      const parquet = await write('feedback', rows, 'trl-parquet')
      expect((await parquetRows(parquet)).map(plain)).toEqual(unpaired)
      expect(judged.length === 0 ? [] : await readDatasetFile(parquet, 'feedback')).toEqual(judged)
      const tagged = jsonLines(join(await write('feedback', rows, 'llama-factory'), 'd.jsonl'))
      expect(tagged.map((row) => [imported(row).messages, row['kto_tag']])).toEqual(judged.map((row) => [[...row.prompt, { role: 'assistant', content: row.reply }], row.label === 'satisfied']))
      const spoken = rows.filter(({ label, userFeedback }) => label === 'dissatisfied' && userFeedback !== null)
      const drift = await write('feedback', rows, 'drift')
      expect(spoken.length === 0 ? [] : await readDatasetFile(drift, 'feedback')).toEqual(spoken)
    }))

  test('LLaMA-Factory, OpenRLHF and SPIN: the same prompts and sides', () =>
    property(rowsOf(pair), async (rows) => {
      const ranked = jsonLines(join(await write('preference', rows, 'llama-factory'), 'd.jsonl'))
      expect(ranked.map(imported).map(({ messages, metadata }) => ({ prompt: messages.slice(0, -1), chosen: metadata['chosen'], rejected: messages.at(-1)?.content }))).toEqual(rows.map(said))
      expect((await readDatasetFile(await write('preference', rows, 'openrlhf'), 'preference')).map(said)).toEqual(rows.map(said))
      const file = await write('preference', rows, 'spin')
      expect((await readDatasetFile(file, 'preference')).map(said)).toEqual(rows.map(said))
      expect(jsonLines(file)).toEqual(rows.map((row) => ({ real: [...row.prompt, { role: 'assistant', content: row.chosen }], generated: [...row.prompt, { role: 'assistant', content: row.rejected }] })))
    }))

  test('prompts: TRL, Parquet, OpenRLHF', () =>
    property(rowsOf(prompts), async (rows) => {
      const jsonl = await write('prompts', rows, 'trl-jsonl')
      expect(await readDatasetFile(jsonl, 'prompts')).toEqual(rows)
      expect((await parquetRows(await write('prompts', rows, 'trl-parquet'))).map(plain)).toEqual(jsonLines(jsonl))
      expect((await readDatasetFile(await write('prompts', rows, 'openrlhf'), 'prompts')).map((row) => row.prompt)).toEqual(rows.map((row) => row.prompt))
    }))
})

const asked = (content: string): Message[] => [{ role: 'user', content }]
const aPair = (chosen: string, rejected: string): Pair => ({ prompt: asked('q'), chosen, rejected, task: null, provenance: { conversationId: 'c', turnIndex: 2, userFeedback: 'write to ana@mail.de', round: null, policy: null, seed: 2 ** 40 } })

test('more rows than a row group, in order', async () => {
  const rows = Array.from({ length: 10_001 }, (_, i) => aPair(`chosen ${i}`, 'r'))
  const read = await parquetRows(await write('preference', rows, 'trl-parquet'))
  expect(read.map((row) => (row['chosen'] as Message[])[0]?.content)).toEqual(rows.map(({ chosen }) => chosen))
})

test('masking is a choice of the export; the dataset keeps its text', async () => {
  const rows = [aPair('call +49 151 2345 6789', 'r')]
  expect(jsonLines(await write('preference', rows, 'trl-jsonl', true))).toMatchObject([{ chosen: [{ content: 'call [phone]' }], user_feedback: 'write to [email]' }])
  expect(jsonLines(await write('preference', rows, 'trl-jsonl'))).toMatchObject([{ user_feedback: 'write to ana@mail.de' }])
})

test('LLaMA-Factory: an entry beside those that are there; a broken dataset_info.json is not overwritten', async () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'pairs 1', kind: 'preference', rows: [aPair('a', 'b')], recipe: {} })
  createDataset(db, { name: 'other', kind: 'preference', rows: [aPair('a', 'c')], recipe: {} })
  const folder = join(aFolder(), 'data')
  for (const name of ['pairs 1', 'other']) await exportDataset(db, { name, format: 'llama-factory', path: folder, mask: false })
  expect(JSON.parse(readFileSync(join(folder, 'dataset_info.json'), 'utf8'))).toEqual({
    'pairs 1': { file_name: 'pairs-1.jsonl', formatting: 'sharegpt', ranking: true, columns: { messages: 'conversations', chosen: 'chosen', rejected: 'rejected' } },
    other: { file_name: 'other.jsonl', formatting: 'sharegpt', ranking: true, columns: { messages: 'conversations', chosen: 'chosen', rejected: 'rejected' } },
  })
  writeFileSync(join(folder, 'dataset_info.json'), '[')
  await expect(exportDataset(db, { name: 'other', format: 'llama-factory', path: folder, mask: false })).rejects.toThrow("expected LLaMA-Factory's JSON object")
})

test('a format that does not hold the kind is refused with those that do', async () => {
  await expect(write('prompts', [{ prompt: asked('q'), task: null, conversationId: null }], 'spin')).rejects.toThrow('format spin does not hold a dataset of kind prompts. Use trl-jsonl, trl-parquet, openrlhf, hf')
})

/** A Python with a package: DRIFT_PYTHON, or python3. */
function pythonWith(name: string): string | null {
  for (const python of [process.env['DRIFT_PYTHON'], 'python3']) {
    if (python === undefined) continue
    try {
      execFileSync(python, ['-c', `import importlib.util, sys; sys.exit(importlib.util.find_spec('${name}') is None)`], { stdio: 'ignore' })
      return python
    } catch {
      // Absent, or without the package.
    }
  }
  return null
}
const python = pythonWith('datasets')
if (python === null) console.log('Exports are not loaded in Python: no interpreter with the package `datasets` (DRIFT_PYTHON names one).')

test('a Hugging Face folder: card, train and test split; with Python its exports load in datasets', { timeout: 120_000 }, async (context) => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'd-heldout', kind: 'preference', rows: [aPair('x', 'y')], recipe: { split: 'held out' } })
  createDataset(db, { name: 'd', kind: 'preference', rows: [aPair('a', 'b'), aPair('ü "c"', 'd')], recipe: { heldOut: { dataset: 'd-heldout', rows: 1 } } })
  const folder = join(aFolder(), 'hub')
  expect(await exportDataset(db, { name: 'd', format: 'hf', path: folder, mask: false })).toEqual({ path: folder, rows: 3 })
  const card = readFileSync(join(folder, 'README.md'), 'utf8')
  expect(parse(card.split('---\n')[1]!)).toEqual({
    pretty_name: 'd', task_categories: ['text-generation'], tags: ['preference', 'dpo', 'trl'], size_categories: ['n<1K'],
    configs: [{ config_name: 'default', data_files: [{ split: 'train', path: 'data/train-00000-of-00001.parquet' }, { split: 'test', path: 'data/test-00000-of-00001.parquet' }] }],
  })
  expect(existsSync(join(folder, 'data/test-00000-of-00001.parquet'))).toBe(true)
  if (python === null) return context.skip('no Python with `datasets`')
  const file = join(folder, '..', 'd.jsonl')
  await exportDataset(db, { name: 'd', format: 'trl-jsonl', path: file, mask: false })
  const script = `
import json, sys, datasets
datasets.disable_progress_bars()
folder, jsonl, cache = sys.argv[1:]
hub = datasets.load_dataset(folder, cache_dir=cache)
lines = datasets.load_dataset('json', data_files=jsonl, split='train', cache_dir=cache)
columns = ['prompt', 'chosen', 'rejected']
print(json.dumps({'splits': {k: v.num_rows for k, v in hub.items()}, 'hub': [{c: r[c] for c in columns} for r in hub['train']], 'lines': [{c: r[c] for c in columns} for r in lines], 'seed': hub['train'][0]['seed']}))`
  const loaded: unknown = JSON.parse(execFileSync(python, ['-c', script, folder, file, aFolder()], { encoding: 'utf8', env: { ...process.env, HF_HUB_OFFLINE: '1' } }))
  const rows = [['a', 'b'], ['ü "c"', 'd']].map(([chosen, rejected]) => ({ prompt: asked('q'), chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] }))
  expect(loaded).toEqual({ splits: { train: 2, test: 1 }, hub: rows, lines: rows, seed: 2 ** 40 })
})

const pythonWithTrl = pythonWith('trl')
test.skipIf(pythonWithTrl === null)('TRL trains on pairs as they were exported, JSONL, Parquet and Hugging Face folder alike', { timeout: 300_000 }, async () => {
  const db = anEmptyDatabase()
  const rows = Array.from({ length: 8 }, (_, i) => aPair(`two quick dinners: risotto and tacos ${i}.`, `no idea ${i}.`))
  createDataset(db, { name: 'd', kind: 'preference', rows, recipe: {} })
  const folder = aFolder()
  for (const [format, path] of [['trl-jsonl', 'd.jsonl'], ['trl-parquet', 'd.parquet'], ['hf', 'hub']] as const) await exportDataset(db, { name: 'd', format, path: join(folder, path), mask: false })
  const script = `
import json, sys, datasets
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer
datasets.disable_progress_bars()
folder, base, cache = sys.argv[1:]
found = []
for kind, files in (('json', 'd.jsonl'), ('parquet', 'd.parquet'), (f'{folder}/hub', None)):
    data = datasets.load_dataset(kind, split='train', cache_dir=cache, **({'data_files': f'{folder}/{files}'} if files else {}))
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        processing_class=AutoTokenizer.from_pretrained(base),
        train_dataset=data,
        args=DPOConfig(output_dir=f'{cache}/out', max_steps=2, per_device_train_batch_size=4, learning_rate=1e-3, logging_steps=1, report_to=[], disable_tqdm=True, save_strategy='no', use_cpu=True, bf16=False, seed=1),
    )
    trainer.train()
    found.append([[row['loss'], row['rewards/margins']] for row in trainer.state.log_history if 'loss' in row])
print(json.dumps(found))`
  const base = join(import.meta.dirname, '../../../resources/base-model')
  const printed = execFileSync(pythonWithTrl!, ['-c', script, folder, base, aFolder()], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, HF_HUB_OFFLINE: '1' } })
  const [jsonl, parquet, hub] = JSON.parse(printed.trim().split('\n').at(-1)!) as [number, number][][]
  expect(jsonl).toHaveLength(2)
  // The policy is the reference at the first step, so the loss is ln 2; the second step has learned from it.
  expect(jsonl![0]![0]).toBeCloseTo(Math.LN2, 4)
  expect(jsonl![1]![1]).toBeGreaterThan(0.001)
  expect(parquet).toEqual(jsonl)
  expect(hub).toEqual(jsonl)
})
