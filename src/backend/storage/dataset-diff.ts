/** Two snapshots compared: which rows came, went and changed, and their statistics side by side. */
import { diffRows, type KeyedRow, type RowDiff } from '../../core/dataset-diff.ts'
import type { DatasetDiff, DatasetRow } from '../../shared/datasets.ts'
import type { Dataset } from '../../shared/types.ts'
import { requireDataset } from './datasets.ts'
import type { ReadableDb } from './open.ts'

/** The last comparison: snapshots never change, and its pages are asked for one after the other. */
let last: { key: string; diff: RowDiff } | null = null

/** Removed rows first, then changed, then added, each in order. */
export function diffDatasets(db: ReadableDb, { before, after, offset, limit }: { before: string; after: string; offset: number; limit: number }): DatasetDiff {
  const [from, to] = [requireDataset(db, before), requireDataset(db, after)]
  const key = `${from.hash} ${to.hash}`
  const diff = last?.key === key ? last.diff : diffRows(keyedRows(db, before), keyedRows(db, after))
  last = { key, diff }
  const { added, removed, changed, same } = diff
  const rowAt = db.prepare('SELECT r.row FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? AND r.position = ?').pluck()
  const row = (name: string, position: number): DatasetRow => JSON.parse(rowAt.get(name, position) as string) as DatasetRow
  const page = [
    ...removed.map((i) => ({ change: 'removed' as const, from: i, to: null })),
    ...changed.map(([i, j]) => ({ change: 'changed' as const, from: i, to: j })),
    ...added.map((j) => ({ change: 'added' as const, from: null, to: j })),
  ].slice(offset, offset + limit)
  return {
    before,
    after,
    counts: { added: added.length, removed: removed.length, changed: changed.length, same },
    statistics: sideBySide(from, to),
    rows: page.map(({ change, from: i, to: j }) => ({ change, before: i === null ? null : row(before, i), after: j === null ? null : row(after, j) })),
  }
}

function keyedRows(db: ReadableDb, name: string): KeyedRow[] {
  return db
    .prepare(`SELECT CASE WHEN r.conversation_id IS NULL THEN NULL ELSE r.conversation_id || ' ' || coalesce(r.turn_index, '') END AS "key", r.row AS text
              FROM dataset_rows r JOIN datasets d ON d.id = r.dataset WHERE d.name = ? ORDER BY r.position`)
    .all(name) as KeyedRow[]
}

function sideBySide(from: Dataset, to: Dataset): DatasetDiff['statistics'] {
  const nameOf = ({ label, group }: Dataset['statistics'][number]): string => `${group ?? ''} ${label}`
  const [before, after] = [from, to].map(({ statistics }) => new Map(statistics.map((one) => [nameOf(one), one]))) as [Map<string, Dataset['statistics'][number]>, Map<string, Dataset['statistics'][number]>]
  const all = new Map([...before, ...after])
  return [
    { label: 'rows', group: null, before: from.rows, after: to.rows },
    ...[...all].map(([name, { label, group }]) => ({ label, group: group ?? null, before: before.get(name)?.value ?? null, after: after.get(name)?.value ?? null })),
  ]
}
