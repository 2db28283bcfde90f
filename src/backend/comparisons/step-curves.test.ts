import { expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { insertMetric } from '../storage/run-stages.ts'
import { stepCurves } from './step-curves.ts'

it('reads a metric stage by stage, thins long ones and keeps their peaks, and counts what is no number', async () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('drift', { training: { learning_rate: 0.05, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 } }))
  await execute(workspace, lease)
  const whole = stepCurves(workspace.db, { runs: [lease.runId], metric: 'loss' })
  expect(whole.curves[0]).toMatchObject({ run: lease.runId, method: 'drift', seed: 5 })
  expect(whole.curves[0]!.stages.map(({ stage }) => stage)).toEqual(['warm-start/train', 'round-1/train', 'round-2/train'])
  expect(whole.curves[0]!.stages.every(({ points, measured, broken, steps }) => points.length === measured && broken === 0 && measured === steps)).toBe(true)
  expect(whole.metrics).toEqual(expect.arrayContaining(['loss', 'rewards/margins']))

  for (let step = 1000; step < 6000; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-2/train', step, loss: step === 4321 ? 99 : Math.sin(step), grad_norm: step === 2000 ? Number.NaN : 1 } as never, {} as never)
  const long = stepCurves(workspace.db, { runs: [lease.runId], metric: 'loss' }).curves[0]!.stages.at(-1)!
  expect(long.measured).toBeGreaterThan(5000)
  expect(long.points.length).toBeLessThan(850)
  expect(long.points.map(([, value]) => value)).toContain(99)
  expect(stepCurves(workspace.db, { runs: [lease.runId], metric: 'grad_norm' }).curves[0]!.stages.at(-1)!.broken).toBe(1)
})
