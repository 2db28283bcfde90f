import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, forgetRuns, leftBehind, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { listStages } from '../storage/run-stages.ts'
import { requireRun } from '../storage/runs.ts'

const arms = [
  { name: 'drift', yaml: aRecipe('drift') },
  { name: 'spin', yaml: aRecipe('spin') },
  { name: 'iterative-dpo', yaml: aRecipe('iterative-dpo') },
  { name: 'iterative-dpo with the verifier', yaml: aRecipe('iterative-dpo', { reward: 'verifiable' }) },
  { name: 'dpo', yaml: aRecipe('dpo') },
]

describe.each(arms)('a run of $name', ({ yaml }) => {
  it('comes to its end, twice with the same numbers', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, yaml)
    expect(await execute(workspace, lease)).toMatchObject({ status: 'done' })
    const first = leftBehind(workspace, lease.runId)
    forgetRuns(workspace)
    expect(await execute(workspace, queueRun(workspace, yaml))).toMatchObject({ status: 'done' })
    expect(leftBehind(workspace, lease.runId)).toEqual(first)
  })

  it('killed at any boundary and continued leaves behind what an undisturbed one does', async () => {
    const workspace = aLabWorkspace()
    const calmLease = queueRun(workspace, yaml)
    const calm = await execute(workspace, calmLease)
    const expected = leftBehind(workspace, calmLease.runId)
    // Every boundary would be thousands of runs: each one once, in as many runs as there are ticks by every seventh.
    for (let at = 1; at <= calm.ticks.length; at += 7) {
      forgetRuns(workspace)
      const lease = queueRun(workspace, yaml)
      expect((await execute(workspace, lease, { isFatal: (tick) => tick === at })).status).toBe('killed')
      expect((await execute(workspace, reclaim(workspace, lease.runId))).status).toBe('done')
      expect(leftBehind(workspace, lease.runId), `killed at ${at}, ${calm.ticks[at - 1]}`).toEqual(expected)
    }
  })

  it('killed again and again, each time a little later, still ends the same', async () => {
    const workspace = aLabWorkspace()
    const calmLease = queueRun(workspace, yaml)
    await execute(workspace, calmLease)
    const expected = leftBehind(workspace, calmLease.runId)
    forgetRuns(workspace)
    let lease = queueRun(workspace, yaml)
    let kills = 0
    for (;;) {
      const limit = 6 + kills
      if ((await execute(workspace, lease, { isFatal: (tick) => tick === limit })).status === 'done') break
      lease = reclaim(workspace, lease.runId)
      kills++
    }
    expect(kills).toBeGreaterThan(5)
    expect(leftBehind(workspace, lease.runId)).toEqual(expected)
    expect(requireRun(workspace.db, lease.runId).status).toBe('done')
    expect(listStages(workspace.db, lease.runId).every(({ status }) => status === 'done')).toBe(true)
  })
})
