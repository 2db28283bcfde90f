/** What the pages of an ended run read, made where the run ends instead of by its first reader. */
import { BackendError } from '../errors.ts'
import { stateOfGroup } from '../storage/comparisons.ts'
import { isLong } from '../storage/run-stages.ts'
import { requireRun } from '../storage/runs.ts'
import { gradientHealth } from './gradient-health.ts'
import { keptOrMade, type KeepingWorkspace } from './read-comparison.ts'
import { keepCurves } from './step-curves.ts'

/** Thinned curves and gradient health of a long run; and of the last run of a group to end, the comparison of the group. */
export function keepDerived(workspace: KeepingWorkspace, runId: string): void {
  const { db, runs, capsule } = workspace
  if (capsule !== null) return
  keepCurves(db, runs, runId)
  if (isLong(db, runId)) gradientHealth(db, runId, runs)
  const { group } = requireRun(db, runId)
  if (group === null || stateOfGroup(db, group).going > 0) return
  try {
    keptOrMade(workspace, { group })
  } catch (error) {
    // Runs without an evaluation have none.
    if (!(error instanceof BackendError)) throw error
  }
}
