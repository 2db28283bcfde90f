/** The thread behind `thread.ts`: its own connection to the workspace, tasks in the order in which they come. */
import { parentPort, workerData } from 'node:worker_threads'
import { toBackendError } from '../errors.ts'
import { explainStorageError, openWorkspace } from '../storage/open.ts'
import { performTask, type TaskInput } from './tasks.ts'
import type { TaskReply, TaskRequest } from './thread.ts'

const port = parentPort
if (port === null) throw new Error('task-worker: expected to be started as a thread')
const workspace = openWorkspace(workerData as string, { create: false })
let previous: Promise<void> = Promise.resolve()
port.on('message', ({ id, name, input }: TaskRequest) => {
  previous = previous.then(async () => {
    const reply = await performTask(workspace.db, name, input as TaskInput<typeof name>).then(
      (ok): TaskReply => ({ id, ok }),
      (error: unknown): TaskReply => ({ id, error: toBackendError(explainStorageError(error, workspace.path)).toCallError() }),
    )
    port.postMessage(reply)
  })
})
