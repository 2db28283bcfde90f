/** What people do to runs in the table, and what it shows of them beside the runs themselves. */
import { flattenSettings } from '../../core/flat-settings.ts'
import type { RunColumns, RunMark } from '../../shared/run-table.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { summarizeScores } from './evaluations.ts'
import { requireRun } from './runs.ts'

/** Puts a tag on runs or takes it off. @returns those that it changed */
export function tagRuns(db: WritableDb, ids: readonly string[], tag: string, on: boolean): string[] {
  const change = on ? db.prepare('INSERT INTO run_tags (run_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING') : db.prepare('DELETE FROM run_tags WHERE run_id = ? AND tag = ?')
  return changing(db, ids, (id) => change.run(id, tag).changes)
}

/** Pins or archives runs, or takes that back. @returns those that it changed */
export function markRuns(db: WritableDb, ids: readonly string[], mark: RunMark, on: boolean): string[] {
  const change = db.prepare(`UPDATE runs SET ${mark} = @on WHERE id = @id AND ${mark} <> @on`)
  return changing(db, ids, (id) => change.run({ id, on: Number(on) }).changes)
}

function changing(db: WritableDb, ids: readonly string[], change: (id: string) => number): string[] {
  const all = db.transaction(() => {
    for (const id of ids) requireRun(db, id)
    return ids.filter((id) => change(id) > 0)
  })
  return all.immediate()
}

/** Newest first, as `listRuns`. */
export function readRunColumns(db: ReadableDb): RunColumns[] {
  const rows = db.prepare('SELECT id, settings FROM runs ORDER BY position DESC').all() as { id: string; settings: string }[]
  const settings = differingSettings(rows.map((row) => JSON.parse(row.settings) as unknown))
  const scores = summarizeScores(db)
  const last = lastMetrics(db)
  return rows.map(({ id }, i) => ({ id, score: scores.get(id) ?? null, last: last.get(id) ?? {}, settings: settings[i]! }))
}

function differingSettings(given: readonly unknown[]): Record<string, string>[] {
  const flat = given.map((one) => flattenSettings(one))
  const first = new Map<string, string>()
  const differing = new Set<string>()
  for (const [key, value] of flat.flat()) {
    if ((first.get(key) ?? value) !== value) differing.add(key)
    first.set(key, value)
  }
  return flat.map((one) => Object.fromEntries(one.filter(([key]) => differing.has(key))))
}

/** Of the policy's training: the reward model's own has its own loss. */
function lastMetrics(db: ReadableDb): Map<string, RunColumns['last']> {
  const rows = db.prepare("SELECT m.run_id, m.row FROM run_metrics m JOIN (SELECT max(position) AS position FROM run_metrics WHERE stage NOT LIKE 'reward/%' GROUP BY run_id) USING (position)").all() as { run_id: string; row: string }[]
  return new Map(rows.map(({ run_id, row }) => {
    const metrics = Object.entries(JSON.parse(row) as Record<string, unknown>)
    return [run_id, Object.fromEntries(metrics.filter((metric): metric is [string, number] => typeof metric[1] === 'number'))]
  }))
}
