import { expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, forgetRuns, leftBehind, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { readLog, requireRun } from '../storage/runs.ts'
import { listTrips } from '../storage/trips.ts'
import { parseRecipe } from '../recipe-file.ts'

/** The fake engine's loss is never below zero. */
const ALWAYS = { metric: 'loss', above: -1, for_steps: 2, action: 'pause' }

it('a wire that pauses stops the run after the step, and the run that goes on ends as one without wires', async () => {
  const workspace = aLabWorkspace()
  const calm = queueRun(workspace, aRecipe('drift', { tripwires: [] }))
  await execute(workspace, calm)
  const expected = leftBehind(workspace, calm.runId)
  forgetRuns(workspace)

  let lease = queueRun(workspace, aRecipe('drift', { tripwires: [ALWAYS] }))
  const stages: string[] = []
  for (;;) {
    const { status } = await execute(workspace, lease)
    if (status === 'done') break
    expect(status).toBe('paused')
    const last = listTrips(workspace.db, lease.runId).at(-1)!
    expect(last).toMatchObject({ metric: 'loss', step: 2, above: -1, forSteps: 2, action: 'pause' })
    stages.push(last.stage)
    lease = reclaim(workspace, lease.runId)
  }
  expect(stages).toEqual(['warm-start/train', 'round-1/train', 'round-2/train'])
  const left = leftBehind(workspace, lease.runId)
  for (const part of ['metrics', 'samples', 'evaluations', 'heldout', 'files'] as const) expect(left[part], part).toEqual(expected[part])
  expect(readLog(workspace.db, lease.runId).find(({ text }) => text.startsWith('tripwire'))?.text).toMatch(/^tripwire: loss \(loss\) \d.*above -1 for 2 steps, step 2 of warm-start\/train; the run pauses$/)
})

it('a wire that warns stops nothing, and speaks once a stage', async () => {
  const workspace = aLabWorkspace()
  const lease = queueRun(workspace, aRecipe('spin', { tripwires: [{ ...ALWAYS, for_steps: 1, action: 'warn' }] }))
  expect((await execute(workspace, lease)).status).toBe('done')
  expect(listTrips(workspace.db, lease.runId).map(({ stage, step }) => [stage, step])).toEqual([['warm-start/train', 1], ['round-1/train', 1], ['round-2/train', 1]])
})

it('wires of the probe are looked at after each round, the base left out', async () => {
  const workspace = aLabWorkspace()
  let lease = queueRun(workspace, aRecipe('drift', { tripwires: [{ metric: 'probe/length', above: 0, for_steps: 2, action: 'pause' }] }))
  expect((await execute(workspace, lease)).status).toBe('paused')
  expect(listTrips(workspace.db, lease.runId)).toMatchObject([{ stage: 'round-1/probe', step: 1, metric: 'probe/length' }])
  lease = reclaim(workspace, lease.runId)
  expect((await execute(workspace, lease)).status).toBe('done')
  expect(requireRun(workspace.db, lease.runId).round).toBe(2)
})

it('a recipe names metrics that exist, and thresholds that leave something', () => {
  const issue = (wire: object): string => parseRecipe(aRecipe('drift', { tripwires: [wire] })).issues.map(({ path, message }) => `${path}: ${message}`).join()
  expect(issue({ metric: 'gradnorm', above: 1 })).toContain('tripwires.0.metric')
  expect(issue({ metric: 'loss', above: 1, below: 2 })).toContain('every value would trip')
})
