/** A training metric of runs, step by step, thinned here: a hundred thousand points a run are more than a page can hold. */
import { decimate, type Point, smooth } from '../../core/decimate.ts'
import type { StepCurves } from '../../shared/comparison.ts'
import type { ReadableDb } from '../storage/open.ts'
import { requireRun } from '../storage/runs.ts'

/** Points of a run that are sent; a stage gets its share of them. */
const LIMIT = 800

export type StepCurvesInput = { runs: readonly string[]; metric: string; smoothing: number }

export function stepCurves(db: ReadableDb, { runs: ids, metric, smoothing }: StepCurvesInput): StepCurves {
  // Our stages measure the same at every step; another trainer's log may have anything anywhere.
  const names = db.prepare("SELECT DISTINCT key FROM run_metrics m JOIN runs r ON r.id = m.run_id, json_each(m.row) WHERE m.run_id = ? AND m.stage NOT LIKE 'reward/%' AND (m.step = 1 OR r.imported_from IS NOT NULL) AND json_each.type IN ('integer', 'real', 'null')").pluck()
  const lengths = db.prepare("SELECT m.stage, max(m.step) AS steps, count(*) AS rows FROM run_metrics m LEFT JOIN run_stages s ON s.run_id = m.run_id AND s.key = m.stage WHERE m.run_id = ? AND m.stage NOT LIKE 'reward/%' GROUP BY m.stage ORDER BY min(s.position), min(m.position)")
  const values = db.prepare('SELECT step, json_extract(row, @path) AS value FROM run_metrics WHERE run_id = @id AND stage = @stage AND json_type(row, @path) IS NOT NULL ORDER BY step').raw()
  const path = `$."${metric.replaceAll('"', '')}"`
  const metrics = new Set<string>()
  const curves = ids.map((id): StepCurves['curves'][number] => {
    const { method, seed } = requireRun(db, id)
    for (const name of names.all(id) as string[]) metrics.add(name)
    const stages = lengths.all(id) as { stage: string; steps: number; rows: number }[]
    const total = stages.reduce((sum, { rows }) => sum + rows, 0)
    return {
      run: id, method, seed,
      stages: stages.map(({ stage, steps, rows }) => {
        const points = (values.all({ path, id, stage }) as [number, unknown][]).map(([step, value]): Point => [step, typeof value === 'number' ? value : null])
        const limit = Math.max(3, Math.round((LIMIT * rows) / Math.max(1, total)))
        return { stage, steps, points: decimate(points, limit), smoothed: smoothing > 0 ? decimate(smooth(points, smoothing), limit) : [], measured: points.filter(([, value]) => value !== null).length, broken: points.filter(([, value]) => value === null).length }
      }),
    }
  })
  return { metric, smoothing, metrics: [...metrics].sort(), curves }
}
