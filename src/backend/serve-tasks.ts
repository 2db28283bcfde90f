/** The other side of `task-thread.ts`: a thread with its own connection to the workspace. */
import { parentPort, workerData } from 'node:worker_threads'
import { collectWhenQuiet } from './collect-when-quiet.ts'
import { BackendError, toBackendError } from './errors.ts'
import { explainStorageError, openWorkspace, type Workspace, type WritableDb } from './storage/open.ts'
import type { TaskReply, TaskRequest, Tell } from './task-thread.ts'

const TOLD_EVERY_MS = 150

/** @param makePerform given the connection and its workspace, what performs a task by its name */
export function serveTasks(makePerform: (db: WritableDb, workspace: Workspace) => (name: string, input: unknown, tell: Tell) => unknown): void {
  const port = parentPort
  if (port === null) throw new Error('serve-tasks: expected to be called in a thread')
  const workspace = openWorkspace(workerData as string, { create: false })
  const perform = makePerform(workspace.db, workspace)
  const teller = ({ id, name, cancelled }: TaskRequest): Tell => {
    const flag = new Int32Array(cancelled)
    let told = -Infinity
    return (done, total, stage) => {
      if (Atomics.load(flag, 0) === 1) throw new BackendError('failed', `${name}: cancelled; nothing was changed`)
      if (performance.now() - told < TOLD_EVERY_MS) return
      told = performance.now()
      port.postMessage({ progress: { id, done, total, stage } } satisfies TaskReply)
    }
  }
  const answer = async (request: TaskRequest): Promise<TaskReply> => {
    const { id, name, input } = request
    try {
      return { id, ok: await perform(name, input, teller(request)) }
    } catch (error) {
      return { id, error: toBackendError(explainStorageError(error, workspace.path)).toCallError() }
    }
  }
  const quiet = collectWhenQuiet()
  port.on('message', (request: TaskRequest) => void answer(request).then((reply) => {
    quiet.touch()
    port.postMessage(reply)
  }))
}
