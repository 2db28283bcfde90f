/** A run's metrics as files on disk. */
import { join, resolve } from 'node:path'
import { metricsCsv, scalarEvents } from '../core/metric-files.ts'
import { eventFile } from '../core/tensorboard.ts'
import type { RunFormat } from '../shared/run-table.ts'
import { BackendError } from './errors.ts'
import type { Workspace } from './storage/open.ts'
import { listStages, readMetrics } from './storage/run-stages.ts'
import { requireRun } from './storage/runs.ts'
import { writeWhole } from './write-lines.ts'

/** @param path relative to the workspace's exports folder; for `tensorboard` of a folder @returns metric rows written, and where */
export function exportRun({ db, exports }: Workspace, { id, format, path }: { id: string; format: RunFormat; path: string }): { path: string; rows: number } {
  const run = requireRun(db, id)
  const rows = readMetrics(db, run.id, 0)
  if (rows.length === 0) throw new BackendError('bad-input', `export of ${run.id}: expected metrics, got none: the run has not finished a training step yet`)
  const to = resolve(exports, path)
  // Written again, a run's file takes the place of its own alone.
  const file = format === 'csv' ? to : join(to, `events.out.tfevents.${Math.floor(Date.parse(run.createdAt) / 1000)}.${run.id}`)
  writeWhole(file, format === 'csv' ? metricsCsv(rows) : eventFile(scalarEvents(rows, listStages(db, run.id))))
  return { path: to, rows: rows.length }
}
