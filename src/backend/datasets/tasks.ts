/** Work on datasets that takes seconds: the command line does it here and now, the interface in a thread (`thread.ts`). */
import type { BuildOptions, DatasetDiff, LintReport } from '../../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../../shared/types.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import { diffDatasets } from '../storage/dataset-diff.ts'
import type { WritableDb } from '../storage/open.ts'
import type { Tell } from '../task-thread.ts'
import { checkContamination, type CheckInput } from './check.ts'
import { exportDataset, type Exported, type ExportInput } from './export.ts'
import { fixDataset, type FixInput, lintDataset, type LintInput } from './lint.ts'

export type Tasks = {
  build: { input: { name: string; kind: DatasetKind } & BuildOptions; output: Dataset }
  diff: { input: { before: string; after: string; offset: number; limit: number }; output: DatasetDiff }
  lint: { input: LintInput; output: LintReport }
  fix: { input: FixInput; output: Dataset }
  export: { input: ExportInput; output: Exported }
  check: { input: CheckInput; output: Dataset }
}
export type TaskName = keyof Tasks
export type TaskInput<Name extends TaskName> = Tasks[Name]['input']
export type TaskOutput<Name extends TaskName> = Tasks[Name]['output']

const TASKS: { [Name in TaskName]: (db: WritableDb, input: TaskInput<Name>, tell: Tell) => TaskOutput<Name> | Promise<TaskOutput<Name>> } = {
  build: buildDataset,
  diff: diffDatasets,
  lint: lintDataset,
  fix: fixDataset,
  check: checkContamination,
  export: exportDataset,
}

export async function performTask<Name extends TaskName>(db: WritableDb, name: Name, input: TaskInput<Name>, tell: Tell = () => {}): Promise<TaskOutput<Name>> {
  return TASKS[name](db, input, tell)
}
