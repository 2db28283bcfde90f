import { serveTasks } from '../serve-tasks.ts'
import { type LineageInput, lineageOf } from './answer-lineage.ts'
import { exploreRuns, mapRuns } from './explore-runs.ts'
import { stepCurves, type StepCurvesInput } from './step-curves.ts'

serveTasks((db, { runs, capsule }) => (name, input, tell) => {
  if (name === 'lineage') return lineageOf(db, input as LineageInput)
  if (name === 'curves') return stepCurves(db, input as StepCurvesInput, { folder: capsule === null ? runs : null, tell })
  if (name === 'map') return mapRuns(db, (input as { runs: string[] }).runs, tell)
  return exploreRuns(db, (input as { runs: string[] }).runs, tell)
})
