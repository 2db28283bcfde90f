import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { normsOver } from '../../core/comparison.ts'
import { comparedRuns } from '../storage/comparisons.ts'
import type { Workspace } from '../storage/open.ts'
import { insertMetric } from '../storage/run-stages.ts'
import type { Lease } from '../storage/runs.ts'
import { keptComparison, makeComparison, markOfComparison, readComparison } from './read-comparison.ts'

const RACE = { group: 'race' }

function queueInRace(workspace: Workspace, recipe: string, seed: number): Lease {
  const lease = queueRun(workspace, aRecipe(recipe, { seed }))
  workspace.db.prepare('UPDATE runs SET group_name = ? WHERE id = ?').run(RACE.group, lease.runId)
  return lease
}

const kept = (workspace: Workspace) => keptComparison(workspace, RACE, markOfComparison(workspace.db, RACE))

describe('a comparison', () => {
  it('is kept by the last run of its group to end, and is what reading all rows gives', async () => {
    const workspace = aLabWorkspace()
    const [drift, spin] = [queueInRace(workspace, 'drift', 5), queueInRace(workspace, 'spin', 5)]
    await execute(workspace, drift)
    expect(kept(workspace)).toBeNull()
    await execute(workspace, spin)
    expect(kept(workspace)).toEqual(JSON.parse(JSON.stringify(readComparison(workspace.db, RACE).comparison)))
    expect(kept(workspace)?.methods.map(({ key }) => key)).toEqual(['base', 'warm-start', 'drift', 'spin'])
  })

  it('counts for nothing as soon as a run of it gains work, or another run joins', async () => {
    const workspace = aLabWorkspace()
    await execute(workspace, queueInRace(workspace, 'drift', 5))
    expect(kept(workspace)).not.toBeNull()
    const joined = queueInRace(workspace, 'drift', 6)
    expect(kept(workspace)).toBeNull()
    makeComparison(workspace, RACE)
    expect(kept(workspace)).not.toBeNull()
    let units = 0
    await execute(workspace, joined, { isFatal: (_, what) => what === 'told stage' && ++units === 3 })
    expect(kept(workspace)).toBeNull()
  })

  it('of an opened capsule is kept nowhere', async () => {
    const workspace = aLabWorkspace()
    await execute(workspace, queueInRace(workspace, 'drift', 5))
    const folder = join(workspace.runs, '.comparisons')
    const before = readdirSync(folder)
    const capsule = { db: workspace.db, runs: workspace.runs, capsule: { name: 'c' } as never }
    expect(keptComparison(capsule, RACE, markOfComparison(workspace.db, RACE))).toBeNull()
    expect(makeComparison(capsule, { runs: ['drift-seed5'] }).methods.length).toBeGreaterThan(0)
    expect(readdirSync(folder)).toEqual(before)
  })

  it('reads the gradient norms of a long run once, and again when it has more steps', async () => {
    const workspace = aLabWorkspace()
    const lease = queueInRace(workspace, 'drift', 5)
    await execute(workspace, lease)
    const norms = (folder: string | null) => comparedRuns(workspace.db, [lease.runId], folder).runs[0]!.gradNorms.find(({ round }) => round === 2)
    const own = workspace.db.prepare("SELECT json_extract(row, '$.grad_norm') FROM run_metrics WHERE run_id = ? AND stage = 'round-2/train' ORDER BY step").pluck().all(lease.runId) as number[]
    const file = join(workspace.runs, lease.runId, 'curves', 'gradient-norms.json')
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(own) })
    expect(existsSync(file)).toBe(false)

    const insert = (from: number, to: number): void => workspace.db.transaction(() => {
      for (let step = from; step <= to; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-2/train', step, grad_norm: step } as never, {} as never)
    })()
    insert(1000, 6999)
    const all = [...own, ...Array.from({ length: 6000 }, (_, i) => 1000 + i)]
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(all) })
    expect(existsSync(file)).toBe(true)
    // Changed in place, which nothing does: only who reads the rows sees it.
    workspace.db.prepare("UPDATE run_metrics SET row = json_set(row, '$.grad_norm', 0) WHERE run_id = ? AND step = 1000").run(lease.runId)
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(all) })
    expect(norms(null)).not.toEqual({ round: 2, ...normsOver(all) })
    insert(7000, 7000)
    expect(norms(workspace.runs)).toEqual(norms(null))
  })
})
