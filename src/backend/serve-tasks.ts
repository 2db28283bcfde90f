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
  port.on('message', async ({ id, name, input }: TaskRequest) => {
    let reply: TaskReply
    try {
      reply = { id, ok: await perform(name, input) }
    } catch (error) {
      reply = { id, error: toBackendError(explainStorageError(error, workspace.path)).toCallError() }
    }
    port.postMessage(reply)
  })
}
