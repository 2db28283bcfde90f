import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun } from '../../../tests/support/lab-workspace.ts'
import { keep } from '../kept.ts'
import type { Workspace } from '../storage/open.ts'
import { exploreRuns, reportExploration } from './explore-runs.ts'

async function anEvaluatedRun(): Promise<{ workspace: Workspace; run: string; file: () => string }> {
  const workspace = aLabWorkspace()
  const { runId: run } = queueRun(workspace, aRecipe('drift'))
  await execute(workspace, { runId: run, attempt: 1 })
  const folder = join(workspace.runs, '.explorations')
  return { workspace, run, file: () => join(folder, readdirSync(folder)[0]!) }
}

it('is made once: page, report and the next process read what is kept', async () => {
  const { workspace, run, file } = await anEvaluatedRun()
  const made = exploreRuns(workspace, [run])
  const { mark, value } = JSON.parse(readFileSync(file(), 'utf8')) as { mark: string; value: { exploration: object } }
  expect(value.exploration).toEqual(JSON.parse(JSON.stringify(made)))
  // Whoever made it anew would not see this.
  keep(file(), mark, { ...value, exploration: { ...value.exploration, embedding: 'kept' } })
  expect(exploreRuns(workspace, [run]).embedding).toBe('kept')
  expect(reportExploration(workspace, [run])).toMatchObject({ embedding: 'kept', methods: ['base', 'warm-start', 'drift'] })
  expect(reportExploration(workspace, [run])!.figures).not.toHaveProperty('map')
})

it('counts for nothing once a run has gained work, and is not kept in an opened capsule', async () => {
  const { workspace, run, file } = await anEvaluatedRun()
  exploreRuns(workspace, [run])
  const { mark, value } = JSON.parse(readFileSync(file(), 'utf8')) as { mark: string; value: { exploration: object } }
  keep(file(), mark, { ...value, exploration: { ...value.exploration, embedding: 'kept' } })
  expect(exploreRuns({ ...workspace, capsule: { title: 'c' } as never }, [run]).embedding).not.toBe('kept')
  workspace.db.prepare("UPDATE run_stages SET seconds = seconds + 1 WHERE run_id = ? AND key LIKE '%train'").run(run)
  expect(exploreRuns(workspace, [run]).embedding).not.toBe('kept')
})
