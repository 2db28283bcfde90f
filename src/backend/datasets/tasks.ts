/** Work on datasets that takes seconds: the command line does it here and now, the interface in a thread (`thread.ts`). */
import type { BuildOptions } from '../../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../../shared/types.ts'
import { buildDataset } from '../storage/build-datasets.ts'
import type { WritableDb } from '../storage/open.ts'

type Tasks = {
  build: { input: { name: string; kind: DatasetKind } & BuildOptions; output: Dataset }
}
export type TaskName = keyof Tasks
export type TaskInput<Name extends TaskName> = Tasks[Name]['input']
export type TaskOutput<Name extends TaskName> = Tasks[Name]['output']

const TASKS: { [Name in TaskName]: (db: WritableDb, input: TaskInput<Name>) => TaskOutput<Name> | Promise<TaskOutput<Name>> } = {
  build: buildDataset,
}

export async function performTask<Name extends TaskName>(db: WritableDb, name: Name, input: TaskInput<Name>): Promise<TaskOutput<Name>> {
  return TASKS[name](db, input)
}
