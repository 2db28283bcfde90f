/** What the dataset verbs do. Results go to stdout, in words or with --json as one object. */
import { exportDataset } from '../backend/datasets/files.ts'
import { performTask } from '../backend/datasets/tasks.ts'
import { diffDatasets } from '../backend/storage/dataset-diff.ts'
import { listDatasets } from '../backend/storage/datasets.ts'
import type { BuildOptions } from '../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../shared/types.ts'
import { print, withWorkspace } from './data-verbs.ts'
import type { Output } from './dataset-verbs.ts'

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
  await withWorkspace(workspace, false, ({ db }) => {
    const diff = diffDatasets(db, { before, after, offset: 0, limit })
    if (json) return print(diff)
    const { added, removed, changed, same } = diff.counts
    console.log(`${before} → ${after}: ${added} rows added, ${removed} removed, ${changed} changed, ${same} the same`)
    for (const { label, group, before: from, after: to } of diff.statistics) {
      if (from !== to) console.log(`  ${(group === null ? label : `${group} ${label}`).padEnd(36)} ${String(from ?? '–').padStart(10)} → ${String(to ?? '–')}`)
    }
  })
}

export async function runDatasetExport({ workspace, json, dataset, format, output }: Output & { dataset: string; format: 'trl-jsonl' | 'drift'; output: string }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const written = await exportDataset(db, dataset, format, output)
    if (json) print(written)
    else console.log(`${written.rows} rows written: ${written.path}`)
  })
}

const inWords = ({ name, rows, kind, statistics }: Dataset): string =>
  `${name}: ${rows} rows of kind ${kind} (${statistics.filter(({ group }) => group === undefined).map(({ label, value }) => `${label} ${value}`).join(', ')})`
