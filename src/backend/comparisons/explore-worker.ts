import { serveTasks } from '../serve-tasks.ts'
import { type LineageInput, lineageOf } from './answer-lineage.ts'
import { exploreRuns, reportExploration } from './explore-runs.ts'
import { type GradientsInput, methodGradients } from './gradient-health.ts'
import { keptOrMade, type Selection } from './read-comparison.ts'
import { keepCurves, stepCurves, type StepCurvesInput } from './step-curves.ts'

serveTasks((db, workspace) => (name, input, tell) => {
  const { runs: folder, capsule } = workspace
  // The last run to end may have made it while this waited.
  if (name === 'comparison') return keptOrMade(workspace, input as Selection)
  if (name === 'lineage') return lineageOf(db, input as LineageInput)
  if (name === 'curves') return stepCurves(db, input as StepCurvesInput, { folder: capsule === null ? folder : null, tell })
  if (name === 'gradients') return methodGradients(db, input as GradientsInput, capsule === null ? folder : null, tell)
  const { runs } = input as { runs: string[] }
  if (name === 'keep') {
    for (const run of runs) keepCurves(db, folder, run, tell)
    return null
  }
  return name === 'reported' ? reportExploration(workspace, runs, tell) : exploreRuns(workspace, runs, tell)
})
