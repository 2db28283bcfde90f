import { serveTasks } from '../serve-tasks.ts'
import { exploreRuns } from './explore-runs.ts'

serveTasks((db) => (_name, input) => exploreRuns(db, (input as { runs: string[] }).runs))
