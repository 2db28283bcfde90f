import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { SYSTEM } from '../../core/run-time.ts'
import type { CurveAxis } from '../../shared/comparison.ts'
import type { MetricRow } from '../../shared/types.ts'
import { deleteMetricsAfter, insertMetric, readMetrics } from '../storage/run-stages.ts'
import { keepDerived } from './keep-derived.ts'
import { keptStepCurves, stepCurves } from './step-curves.ts'

it('reads a metric stage by stage, thins long ones and keeps their peaks, and counts what is no number', async () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', { training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 } }))
  await execute(workspace, lease)
  const whole = stepCurves(workspace.db, { runs: [lease.runId], metric: 'loss', smoothing: 0, axis: 'step' })
  expect(whole.curves[0]).toMatchObject({ run: lease.runId, method: 'drift', seed: 5 })
  expect(whole.curves[0]!.stages.map(({ stage }) => stage)).toEqual(['warm-start/train', 'round-1/train', 'round-2/train'])
  expect(whole.curves[0]!.stages.every(({ points, measured, broken, extent }) => points.length === measured && broken === 0 && measured === extent)).toBe(true)
  expect(whole.metrics).toEqual(expect.arrayContaining(['loss', 'rewards/margins']))

  for (let step = 1000; step < 6000; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-2/train', step, loss: step === 4321 ? 99 : Math.sin(step), grad_norm: step === 2000 ? Number.NaN : 1 } as never, {} as never)
  const long = stepCurves(workspace.db, { runs: [lease.runId], metric: 'loss', smoothing: 0, axis: 'step' }).curves[0]!.stages.at(-1)!
  expect(long.measured).toBeGreaterThan(5000)
  expect(long.points.length).toBeLessThan(850)
  expect(long.points.map(([, value]) => value)).toContain(99)
  expect(stepCurves(workspace.db, { runs: [lease.runId], metric: 'grad_norm', smoothing: 0, axis: 'step' }).curves[0]!.stages.at(-1)!.broken).toBe(1)
})

it('smooths every step before it thins, and takes a step without the metric for no figure at all', () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', {}))
  // A peak every tenth step: what is kept of peaks alone would average far higher.
  for (let step = 1; step <= 5000; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-1/train', step, loss: step % 10 === 0 ? 10 : 0, ...(step % 500 === 0 && { eval_loss: step }) } as never, {} as never)
  workspace.db.prepare("UPDATE runs SET imported_from = 'log.json' WHERE id = ?").run(lease.runId)
  const read = (metric: string, smoothing: number) => stepCurves(workspace.db, { runs: [lease.runId], metric, smoothing, axis: 'step' })
  const last = (points: readonly [number, number | null][]): number => points.at(-1)![1]!
  const [stage] = read('loss', 0.97).curves[0]!.stages
  expect(stage!.smoothed.length).toBeLessThan(850)
  // Right after a peak the average stands at most 0.3 above the mean of 1.
  expect(last(stage!.smoothed)).toBeGreaterThan(1)
  expect(last(stage!.smoothed)).toBeLessThan(1.2)
  expect(read('loss', 0).curves[0]!.stages[0]!.smoothed).toEqual([])
  expect(read('eval_loss', 0)).toMatchObject({ metrics: ['eval_loss', 'loss'], curves: [{ stages: [{ measured: 10, broken: 0, points: Array.from({ length: 10 }, (_, i) => [500 * (i + 1), 500 * (i + 1)]) }] }] })
})

it('keeps a thinned copy of a long run, and takes it for as long as its rows stand', () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', {}))
  const insert = (from: number, to: number, value: (step: number) => number): void => workspace.db.transaction(() => {
    for (let step = from; step <= to; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-1/train', step, loss: value(step) } as never, {} as never)
  })()
  const told: string[] = []
  const read = (metric = 'loss') => stepCurves(workspace.db, { runs: [lease.runId], metric, smoothing: 0, axis: 'step' }, { folder: workspace.runs, tell: (_, __, stage) => void told.push(stage) })
  const readKept = () => keptStepCurves(workspace.db, { runs: [lease.runId], metric: 'loss', smoothing: 0, axis: 'step' }, workspace.runs)
  const copies = join(workspace.runs, lease.runId, 'curves')
  insert(1, 100, Math.sin)
  read()
  expect(existsSync(copies)).toBe(false)
  expect(readKept()).toBeNull()

  insert(101, 6000, Math.sin)
  told.length = 0
  const first = read()
  expect(first).toEqual(stepCurves(workspace.db, { runs: [lease.runId], metric: 'loss', smoothing: 0, axis: 'step' }))
  // Rows that are changed in place, which nothing does, tell whether the copy is taken.
  workspace.db.prepare(`UPDATE run_metrics SET row = '{"loss":7}'`).run()
  expect(read()).toEqual(first)
  expect(readKept()).toEqual(first)
  expect(told).toEqual([`curves of ${lease.runId}`])

  // A resumed run makes its last steps again: as many rows, other ones.
  deleteMetricsAfter(workspace.db, lease.runId, 'round-1/train', 5000)
  insert(5001, 6000, () => 8)
  expect(readKept()).toBeNull()
  const [stage] = read().curves[0]!.stages
  expect(stage).toMatchObject({ measured: 6000, extent: 6000 })
  expect(stage!.points.at(-1)).toEqual([6000, 8])
  read('none')
  expect(readdirSync(copies)).toHaveLength(2)
  // Broken off while it was written by someone else's hand: read anew.
  for (const name of readdirSync(copies)) writeFileSync(join(copies, name), '{"mark"')
  expect(read().curves[0]!.stages[0]).toEqual(stage)
})

it('makes the copies of every metric where a long run ends, so that no reader makes one', () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', {}))
  const insert = (from: number, to: number): void => workspace.db.transaction(() => {
    for (let step = from; step <= to; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-1/train', step, loss: Math.sin(step), grad_norm: step } as never, {} as never)
  })()
  insert(1, 4999)
  keepDerived(workspace, lease.runId)
  expect(existsSync(join(workspace.runs, lease.runId, 'curves'))).toBe(false)
  insert(5000, 5000)
  keepDerived(workspace, lease.runId)
  const told: string[] = []
  for (const metric of ['loss', 'grad_norm']) {
    const read = { runs: [lease.runId], metric, smoothing: 0, axis: 'step' as const }
    expect(stepCurves(workspace.db, read, { folder: workspace.runs, tell: (_, __, stage) => void told.push(stage) })).toEqual(stepCurves(workspace.db, read))
  }
  expect(told).toEqual([])
})

it('sends fewer points of each where there are many runs, and keeps the peak', () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', {}))
  workspace.db.transaction(() => {
    for (let step = 1; step <= 2000; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-1/train', step, loss: step === 777 ? 50 : Math.sin(step) } as never, {} as never)
  })()
  const { curves } = stepCurves(workspace.db, { runs: Array.from({ length: 200 }, () => lease.runId), metric: 'loss', smoothing: 0.9, axis: 'step' })
  const [stage] = curves[0]!.stages
  expect(stage!.points).toHaveLength(240)
  expect(stage!.smoothed).toHaveLength(240)
  expect(stage!.points).toContainEqual([777, 50])
  expect(stage!.measured).toBe(2000)
})

describe('over time and tokens', () => {
  const work = async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift', { training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 } }))
    await execute(workspace, lease)
    return { workspace, id: lease.runId, over: (axis: CurveAxis, metric = 'loss') => stepCurves(workspace.db, { runs: [lease.runId], metric, smoothing: 0, axis }) }
  }

  it('a step lies where its work ended: after what the run did before and between, from its first step on', async () => {
    const { workspace, id, over } = await work()
    const [curve] = over('time').curves
    const before = (stage: string): number => workspace.db.prepare('SELECT coalesce(sum(e.seconds), 0) FROM run_stages e JOIN run_stages s ON s.run_id = e.run_id WHERE s.run_id = ? AND s.key = ? AND e.position < s.position').pluck().get(id, stage) as number
    const rows = readMetrics(workspace.db, id, 0)
    const placed = curve!.stages.flatMap(({ stage, start, points }) => points.map(([x]) => [stage, start + x] as const))
    expect(placed).toHaveLength(rows.length)
    const at = ({ stage, ...row }: MetricRow): number => before(stage) + Number(row[SYSTEM.seconds])
    placed.forEach(([stage, x], i) => {
      expect(stage).toBe(rows[i]!.stage)
      expect(x).toBeCloseTo(at(rows[i]!) - at(rows[0]!), 9)
    })
    expect(placed[0]![1]).toBeCloseTo(0, 9)
  })

  it('tokens count on from stage to stage', async () => {
    const { workspace, id, over } = await work()
    const stages = over('tokens').curves[0]!.stages
    expect(stages.map(({ start }, i) => start - stages.slice(0, i).reduce((sum, { extent }) => sum + extent, 0))).toEqual([0, 0, 0])
    expect(stages.at(-1)!.points.at(-1)![0]).toBe(readMetrics(workspace.db, id, 0).at(-1)!['num_tokens'])
  })

  it('what a step took is a metric among the others, but for its seconds', async () => {
    const { over } = await work()
    const { metrics, curves } = over('step', SYSTEM.memoryBytes)
    expect(metrics).toEqual(expect.arrayContaining([SYSTEM.memoryBytes, SYSTEM.tokensPerSecond, 'loss']))
    expect(metrics).not.toContain(SYSTEM.seconds)
    expect(curves[0]!.stages.every(({ points }) => points.length > 0 && points.every(([, value]) => value !== null && value > 1e6))).toBe(true)
  })

  it('a run whose steps have no times has no stages there', async () => {
    const { workspace, over } = await work()
    workspace.db.exec('UPDATE run_metrics SET system = NULL')
    expect(over('time').curves[0]!.stages).toEqual([])
    expect(over('step').curves[0]!.stages).not.toEqual([])
  })
})
