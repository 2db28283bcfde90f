/** The other side of `task-thread.ts`: a thread with its own connection to the workspace. */
import { parentPort, workerData } from 'node:worker_threads'
import { toBackendError } from './errors.ts'
import { explainStorageError, openWorkspace, type WritableDb } from './storage/open.ts'
import type { TaskReply, TaskRequest } from './task-thread.ts'

/** @param makePerform given the connection, what performs a task by its name */
export function serveTasks(makePerform: (db: WritableDb) => (name: string, input: unknown) => unknown): void {
  const port = parentPort
  if (port === null) throw new Error('serve-tasks: expected to be called in a thread')
  const workspace = openWorkspace(workerData as string, { create: false })
  const perform = makePerform(workspace.db)
  const answer = async ({ id, name, input }: TaskRequest): Promise<TaskReply> => {
    try {
      return { id, ok: await perform(name, input) }
    } catch (error) {
      return { id, error: toBackendError(explainStorageError(error, workspace.path)).toCallError() }
    }
  }
  port.on('message', (request: TaskRequest) => void answer(request).then((reply) => port.postMessage(reply)))
}
