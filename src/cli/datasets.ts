/** What the dataset verbs do. Results go to stdout, in words or with --json as one object. */
import { resolve } from 'node:path'
import type { Fix } from '../backend/datasets/lint.ts'
import { performTask } from '../backend/datasets/tasks.ts'
import { listDatasets } from '../backend/storage/datasets.ts'
import { promptsInWords } from '../core/contamination.ts'
import type { BuildOptions, ExportFormat, MeaningMatch } from '../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../shared/types.ts'
import { print, progressLine, withWorkspace } from './data-verbs.ts'
import type { Output } from './dataset-verbs.ts'
import { interruption } from './interruption.ts'

export async function runDatasetBuild({ workspace, json, ...options }: Output & BuildOptions & { name: string; kind: DatasetKind }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const dataset = await performTask(db, 'build', options)
    if (json) return print(dataset)
    console.log(inWords(dataset))
  })
}

export async function runDatasetList({ workspace, json }: Output): Promise<void> {
  await withWorkspace(workspace, false, ({ db }) => {
    const datasets = listDatasets(db)
    if (json) return print({ datasets })
    for (const { name, kind, rows, createdAt, hash } of datasets) console.log(`${name.padEnd(24)} ${kind.padEnd(10)} ${String(rows).padStart(8)}  ${createdAt.slice(0, 16).replace('T', ' ')}  ${hash.slice(0, 12)}`)
    if (datasets.length === 0) console.log('no datasets yet: drift dataset build makes one')
  })
}

export async function runDatasetDiff(before: string, after: string, { workspace, json, limit }: Output & { limit: number }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const diff = await performTask(db, 'diff', { before, after, offset: 0, limit })
    if (json) return print(diff)
    const { added, removed, changed, same } = diff.counts
    console.log(`${before} → ${after}: ${added} rows added, ${removed} removed, ${changed} changed, ${same} the same`)
    for (const { label, group, before: from, after: to } of diff.statistics) {
      if (from !== to) console.log(`  ${(group === null ? label : `${group} ${label}`).padEnd(36)} ${String(from ?? '–').padStart(10)} → ${String(to ?? '–')}`)
    }
  })
}

type UnderModel = { model?: string; maxLength?: number }
const underModel = ({ model, maxLength }: UnderModel) => ({ model: model === undefined ? null : resolve(model), maxLength: maxLength ?? null })

export async function runDatasetLint({ workspace, json, dataset, ...options }: Output & UnderModel & { dataset: string }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const report = await performTask(db, 'lint', { name: dataset, ...underModel(options) })
    if (json) return print(report)
    for (const { severity, kind, summary, fix, rows } of report.findings) {
      console.log(`${severity.padEnd(8)} ${kind}: ${summary}${fix === null ? '' : ` (drift dataset fix --fix ${kind}: ${fix})`}`)
      for (const { row, found } of rows.slice(0, 3)) console.log(`         row ${row + 1}: ${found}`)
    }
    console.log(report.findings.length === 0 ? `${report.rows} rows, nothing found` : `${report.findings.length} findings in ${report.rows} rows`)
  })
}

export async function runDatasetFix({ workspace, json, dataset, fix, name, ...options }: Output & UnderModel & { dataset: string; fix: Fix; name?: string }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const made = await performTask(db, 'fix', { name: dataset, fix, as: name ?? null, ...underModel(options) })
    if (json) return print(made)
    console.log(inWords(made))
  })
}

export async function runDatasetCheck({ workspace, json, dataset, against, sentenceModel, cosine }: Output & { dataset: string; against: string[]; sentenceModel?: string; cosine: number }): Promise<void> {
  const signal = interruption()
  const line = progressLine()
  await withWorkspace(workspace, false, async ({ db }) => {
    const { contamination, rows } = await performTask(db, 'check', { name: dataset, files: against, folder: sentenceModel ?? null, threshold: cosine }, (done, total, stage) => {
      signal.throwIfAborted()
      line.show(total > 0 ? `${stage}: ${done}/${total}` : stage)
    })
    line.end()
    if (json) return print(contamination)
    if (contamination === null) throw new Error(`dataset ${dataset}: checked, but without a stamp`)
    const { counts, ngram, similarity, meaning } = contamination
    console.log(`${contamination.rows.length} of ${rows} rows meet one of ${promptsInWords(contamination)}: by source id ${counts['source-id']}, word for word ${counts.exact}, ${ngram}-word run ${counts.ngram}, likeness of ${similarity} or more ${counts.similar}${meaning === null ? '' : `, meaning ${counts.meaning}`}`)
    sayMeaning(meaning)
    if (contamination.rows.length > 0) console.log(`drift dataset fix --dataset ${dataset} --fix contamination drops them`)
  })
}

const SHOWN_PAIRS = 10

/** The nearest pairs side by side, whether or not they count: a threshold is judged by them. */
function sayMeaning(meaning: MeaningMatch | null): void {
  if (meaning === null) return console.log('meaning was not compared: likeness of wording stands in for it, a paraphrase passes. --sentence-model compares it')
  console.log(`by meaning, cosine of ${meaning.threshold} or more: ${meaning.encoder} (SHA-256 ${meaning.version.slice(0, 12)}). The nearest:`)
  const short = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 60)
  for (const { row, cosine, asked, prompt } of meaning.nearest.slice(0, SHOWN_PAIRS)) console.log(`  ${cosine.toFixed(3)} ${cosine >= meaning.threshold ? '*' : ' '} row ${String(row + 1).padEnd(6)} ${short(asked).padEnd(60)} | ${short(prompt)}`)
}

export async function runDatasetExport({ workspace, json, dataset, output, ...options }: Output & { dataset: string; format: ExportFormat; output: string; mask: boolean }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const written = await performTask(db, 'export', { ...options, name: dataset, path: output })
    if (json) print(written)
    else console.log(`${written.rows} rows written: ${written.path}`)
  })
}

const inWords = ({ name, rows, kind, statistics }: Dataset): string =>
  `${name}: ${rows} rows of kind ${kind} (${statistics.filter(({ group }) => group === undefined).map(({ label, value }) => `${label} ${value}`).join(', ')})`
