import { serveTasks } from '../serve-tasks.ts'
import { type LineageInput, lineageOf } from './answer-lineage.ts'
import { exploreRuns } from './explore-runs.ts'

serveTasks((db) => (name, input) => (name === 'lineage' ? lineageOf(db, input as LineageInput) : exploreRuns(db, (input as { runs: string[] }).runs)))
