/** Datasets as files for other tools: TRL, LLaMA-Factory, OpenRLHF, SPIN, DRIFT, a Hugging Face dataset folder. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type CardSplit, datasetCard } from '../../core/dataset-card.ts'
import { type ExportedRow, llamaFactoryEntry, toFormat, TRL_COLUMNS } from '../../core/export-rows.ts'
import { maskPersonalData } from '../../core/lint/personal-data.ts'
import { mapTexts } from '../../core/row-texts.ts'
import { type ExportFormat, FORMATS_OF } from '../../shared/datasets.ts'
import type { Dataset } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { eachDatasetRow, hasDataset, requireDataset } from '../storage/datasets.ts'
import type { ReadableDb } from '../storage/open.ts'
import { writeLines } from '../write-lines.ts'
import type { Tell } from '../task-thread.ts'
import { writeParquet } from './parquet-file.ts'

export type ExportInput = { name: string; format: ExportFormat; path: string; /** Personal data found by pattern is masked. */ mask: boolean }
export type Exported = { /** File or folder, absolute. */ path: string; rows: number }

/** Each file is written whole or not at all; rows that a format has no place for are left out and not counted. */
export async function exportDataset(db: ReadableDb, { name, format, path, mask }: ExportInput, tell: Tell = () => {}): Promise<Exported> {
  const dataset = requireDataset(db, name)
  if (!FORMATS_OF[dataset.kind].includes(format)) {
    throw new BackendError('bad-input', `export ${name}: format ${format} does not hold a dataset of kind ${dataset.kind}. Use ${FORMATS_OF[dataset.kind].join(', ')}`)
  }
  const target = resolve(path)
  const rows = (of: Dataset): Generator<ExportedRow> => formatted(db, of, format, mask, tell)
  if (format === 'trl-parquet') return { path: target, rows: writeParquet(target, TRL_COLUMNS[dataset.kind], rows(dataset)) }
  if (format === 'hf') return exportHubFolder(db, dataset, target, rows, mask)
  if (format === 'llama-factory') return exportLlamaFactory(dataset, target, rows(dataset))
  return writeJsonLines(target, rows(dataset))
}

function* formatted(db: ReadableDb, { name, kind, rows }: Dataset, format: ExportFormat, mask: boolean, tell: Tell): Generator<ExportedRow> {
  let done = 0
  for (const row of eachDatasetRow(db, name)) {
    tell(done++, rows, 'writing rows')
    const out = toFormat(format, kind, mask ? mapTexts(row, maskPersonalData) : row)
    if (out !== null) yield out
  }
}

async function writeJsonLines(path: string, rows: Iterable<ExportedRow>): Promise<Exported> {
  let count = 0
  function* lines(): Generator<string> {
    for (const row of rows) {
      count += 1
      yield `${JSON.stringify(row)}\n`
    }
  }
  return { path: await writeLines(path, lines()), rows: count }
}

/** NAME.jsonl and its entry in dataset_info.json, beside the entries that are there. */
async function exportLlamaFactory({ name, kind }: Dataset, folder: string, rows: Iterable<ExportedRow>): Promise<Exported> {
  const fileName = `${fileNameOf(name)}.jsonl`
  const info = join(folder, 'dataset_info.json')
  const present = existsSync(info) ? readInfo(info) : {}
  const { rows: count } = await writeJsonLines(join(folder, fileName), rows)
  await writeLines(info, [`${JSON.stringify({ ...present, [name]: llamaFactoryEntry(kind, fileName) }, null, 2)}\n`])
  return { path: folder, rows: count }
}

function readInfo(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new BackendError('bad-input', `${file}: expected LLaMA-Factory's JSON object of datasets, got something else. Name another folder`)
}

/** README.md and data/SPLIT-00000-of-00001.parquet; the held-out part of a split dataset is its test split. */
async function exportHubFolder(db: ReadableDb, dataset: Dataset, folder: string, rowsOf: (of: Dataset) => Iterable<ExportedRow>, mask: boolean): Promise<Exported> {
  const heldOut = heldOutOf(db, dataset)
  const parts = [{ split: 'train' as const, of: dataset }, ...(heldOut === null ? [] : [{ split: 'test' as const, of: heldOut }])]
  const splits = parts.map(({ split, of }): CardSplit => {
    const path = `data/${split}-00000-of-00001.parquet`
    return { split, path, rows: writeParquet(join(folder, path), TRL_COLUMNS[of.kind], rowsOf(of)), dataset: of.name }
  })
  // A test split of what lay here before would be read with this one.
  if (heldOut === null) rmSync(join(folder, 'data/test-00000-of-00001.parquet'), { force: true })
  await writeLines(join(folder, 'README.md'), [datasetCard(dataset, splits, mask)])
  return { path: folder, rows: splits.reduce((sum, { rows }) => sum + rows, 0) }
}

function heldOutOf(db: ReadableDb, { recipe }: Dataset): Dataset | null {
  const heldOut = recipe['heldOut']
  const name = typeof heldOut === 'object' && heldOut !== null && 'dataset' in heldOut ? heldOut.dataset : null
  return typeof name === 'string' && hasDataset(db, name) ? requireDataset(db, name) : null
}

const fileNameOf = (name: string): string => name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
