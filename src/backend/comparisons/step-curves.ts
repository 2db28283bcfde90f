/** A training metric of runs, step by step, over steps, time or tokens, thinned here: a hundred thousand points a run are more than a page can hold. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { decimate, type Point, smooth } from '../../core/decimate.ts'
import { isSystem, secondsBefore, SYSTEM } from '../../core/run-time.ts'
import { CURVE_AXES, type CurveAxis, type StepCurves } from '../../shared/comparison.ts'
import type { Run } from '../../shared/types.ts'
import { keep, readKept } from '../kept.ts'
import type { ReadableDb } from '../storage/open.ts'
import { isLong, listStages, LONG, markOfRows } from '../storage/run-stages.ts'
import { requireRun } from '../storage/runs.ts'
import type { Tell } from '../task-thread.ts'

/** Points of a run that are kept; a stage gets its share of them. */
const LIMIT = 800
/** Points of all runs together that are sent: more than a screen has columns for each of two hundred lines. */
const SENT = 48_000
/** Part of a copy's mark: raise it when thinning or smoothing changes. */
const EDITION = 3

export type StepCurvesInput = { runs: readonly string[]; metric: string; smoothing: number; axis: CurveAxis }
type Stage = StepCurves['curves'][number]['stages'][number]
type Thinned = { metrics: string[]; stages: Stage[] }
/** What the page shows before anything else is chosen. */
const FIRST_SHOWN = 'rewards/margins'

/** @param folder of the runs, where thinned copies are kept; null keeps none @param tell of each run that is read anew */
export function stepCurves(db: ReadableDb, input: StepCurvesInput, { folder = null, tell = () => {} }: { folder?: string | null; tell?: Tell } = {}): StepCurves {
  const read = readerOf(db, input)
  const copyOf = folder === null ? null : copiesOf(db, input, folder)
  return gather(db, input, (id, i) => {
    const copy = copyOf?.(id)
    const kept = copy && readKept<Thinned>(copy.file, copy.mark)
    if (kept) return kept
    tell(i, input.runs.length, `curves of ${id}`)
    const { rows, ...thinned } = read(id)
    if (copy && rows >= LONG) keep(copy.file, copy.mark, thinned)
    return thinned
  })!
}

/** The same from thinned copies alone, in a moment; null where a run has none, or has gained rows since. */
export function keptStepCurves(db: ReadableDb, input: StepCurvesInput, folder: string): StepCurves | null {
  const copyOf = copiesOf(db, input, folder)
  return gather(db, input, (id) => {
    const { file, mark } = copyOf(id)
    return readKept<Thinned>(file, mark)
  })
}

/** What all runs have, each with its share of the points; null where `thinnedOf` has nothing of one. */
function gather(db: ReadableDb, { runs: ids, metric, smoothing, axis }: StepCurvesInput, thinnedOf: (id: string, i: number) => Thinned | null): StepCurves | null {
  const about = db.prepare('SELECT method, seed FROM runs WHERE id = ?')
  const metrics = new Set<string>()
  const share = Math.max(3, Math.floor(SENT / Math.max(1, ids.length)))
  const curves: StepCurves['curves'] = []
  for (const [i, id] of ids.entries()) {
    const { method, seed } = (about.get(id) as Pick<Run, 'method' | 'seed'> | undefined) ?? requireRun(db, id)
    const thinned = thinnedOf(id, i)
    if (thinned === null) return null
    for (const name of thinned.metrics) metrics.add(name)
    curves.push({ run: id, method, seed, stages: share >= LIMIT ? thinned.stages : thinned.stages.map((stage) => ({ ...stage, points: thinnedTo(share, stage.points), smoothed: thinnedTo(share, stage.smoothed) })) })
  }
  return { metric, smoothing, axis, metrics: [...metrics].sort(), curves }
}

/** Where a run's thinned copy is kept, and the mark of its rows. */
function copiesOf(db: ReadableDb, { metric, smoothing, axis }: StepCurvesInput, folder: string): (id: string) => { file: string; mark: string } {
  const markOf = markOfRows(db)
  const name = `${createHash('sha256').update(`${metric} ${smoothing} ${axis}`).digest('hex').slice(0, 16)}.json`
  return (id) => ({ file: join(folder, id, 'curves', name), mark: `${EDITION} ${metric} ${smoothing} ${axis} ${markOf(id)}` })
}

/** Makes the thinned copies of a long run, of every metric as it was measured. */
export function keepCurves(db: ReadableDb, folder: string, run: string, tell: Tell = () => {}): void {
  if (!isLong(db, run)) return
  const { metrics } = stepCurves(db, { runs: [run], metric: FIRST_SHOWN, smoothing: 0, axis: 'step' }, { folder })
  metrics.forEach((metric, i) => {
    tell(i, metrics.length, `${metric} of ${run}`)
    for (const axis of CURVE_AXES) stepCurves(db, { runs: [run], metric, smoothing: 0, axis }, { folder })
  })
}

const thinnedTo = (share: number, points: readonly Point[]): Point[] => decimate(points, Math.max(3, Math.round((points.length * share) / LIMIT)))

/** Where a row lies within its stage. */
const PLACES: Record<CurveAxis, string> = { step: 'step', time: `system ->> '$."${SYSTEM.seconds}"'`, tokens: "row ->> '$.num_tokens'" }

function readerOf(db: ReadableDb, { metric, smoothing, axis }: StepCurvesInput): (id: string) => { rows: number; metrics: string[]; stages: Stage[] } {
  // Our stages measure the same at every step; another trainer's log may have anything anywhere.
  const names = db.prepare(`
    SELECT DISTINCT key FROM run_metrics m JOIN runs r ON r.id = m.run_id, json_each(m.row) WHERE m.run_id = @id AND m.stage NOT LIKE 'reward/%' AND (m.step = 1 OR r.imported_from IS NOT NULL) AND json_each.type IN ('integer', 'real', 'null')
    UNION SELECT key FROM json_each((SELECT system FROM run_metrics WHERE run_id = @id ORDER BY position DESC LIMIT 1)) WHERE key <> '${SYSTEM.seconds}'`).pluck()
  const place = PLACES[axis]
  const lengths = db.prepare(`SELECT m.stage, min(${place}) AS first, max(${place}) AS extent, count(${place}) AS placed, count(*) AS rows FROM run_metrics m LEFT JOIN run_stages s ON s.run_id = m.run_id AND s.key = m.stage WHERE m.run_id = ? AND m.stage NOT LIKE 'reward/%' GROUP BY m.stage ORDER BY min(s.position), min(m.position)`)
  const column = isSystem(metric) ? 'system' : 'row'
  const values = db.prepare(`SELECT ${place} AS x, json_extract(${column}, @path) AS value FROM run_metrics WHERE run_id = @id AND stage = @stage AND json_type(${column}, @path) IS NOT NULL AND x IS NOT NULL ORDER BY step`).raw()
  const path = `$."${metric.replaceAll('"', '')}"`
  return (id) => {
    const all = lengths.all(id) as { stage: string; first: number; extent: number; placed: number; rows: number }[]
    const total = all.reduce((sum, { rows }) => sum + rows, 0)
    const stages = all.filter(({ placed }) => placed > 0)
    const startOf = axis === 'time' ? inTime(secondsBefore(listStages(db, id)), stages[0]) : inLine(stages)
    return {
      rows: total,
      metrics: names.all({ id }) as string[],
      stages: stages.map(({ stage, extent, rows }) => {
        const points = (values.all({ path, id, stage }) as [number, unknown][]).map(([x, value]): Point => [x, typeof value === 'number' ? value : null])
        const limit = Math.max(3, Math.round((LIMIT * rows) / Math.max(1, total)))
        return { stage, start: startOf(stage), extent, points: decimate(points, limit), smoothed: smoothing > 0 ? decimate(smooth(points, smoothing), limit) : [], measured: points.filter(([, value]) => value !== null).length, broken: points.filter(([, value]) => value === null).length }
      }),
    }
  }
}

/** What the run did between its stages of training counts too; its first step lies at 0. */
function inTime(before: ReadonlyMap<string, number>, first: { stage: string; first: number } | undefined): (stage: string) => number {
  const zero = first === undefined ? 0 : (before.get(first.stage) ?? 0) + first.first
  return (stage) => (before.get(stage) ?? 0) - zero
}

/** Each stage begins where the one before ends. */
function inLine(stages: readonly { stage: string; extent: number }[]): (stage: string) => number {
  let end = 0
  const starts = new Map(stages.map(({ stage, extent }) => {
    const start = end
    end += extent
    return [stage, start]
  }))
  return (stage) => starts.get(stage) ?? 0
}
