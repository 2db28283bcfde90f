/** The thread of a session that works on datasets, one task after the other, so that the interface's other calls are answered meanwhile. */
import { Worker } from 'node:worker_threads'
import type { CallError } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import { perSession, type Session } from '../session.ts'
import type { TaskInput, TaskName, TaskOutput } from './tasks.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './task-worker.ts' : './task-worker.js'

export type TaskRequest = { id: number; name: TaskName; input: unknown }
export type TaskReply = { id: number; ok: unknown } | { id: number; error: CallError }
type Waiting = { resolve(output: unknown): void; reject(error: BackendError): void }
/** A thread and who waits for its answers: the end of one is not that of the next. */
type Started = { worker: Worker; waiting: Map<number, Waiting> }

export type DatasetThread = { perform<Name extends TaskName>(name: Name, input: TaskInput<Name>): Promise<TaskOutput<Name>> }

export const datasetThread = perSession((session: Session): DatasetThread => {
  let current: Started | null = null
  let asked = 0
  const start = (): Started => {
    const worker = new Worker(new URL(ENTRY, import.meta.url), { workerData: session.workspace.path })
    const waiting = new Map<number, Waiting>()
    const started = { worker, waiting }
    const end = (message: string): void => {
      if (current === started) current = null
      for (const { reject } of waiting.values()) reject(new BackendError('failed', message))
      waiting.clear()
    }
    worker.unref()
    worker.on('message', (reply: TaskReply) => {
      const own = waiting.get(reply.id)
      waiting.delete(reply.id)
      if ('ok' in reply) own?.resolve(reply.ok)
      else own?.reject(new BackendError(reply.error.code, reply.error.message, reply.error.detail))
    })
    worker.on('error', (error) => end(`the work on datasets broke off: ${error.message}`))
    worker.on('exit', () => end('the work on datasets was ended'))
    return started
  }
  session.onClose(async () => void (await current?.worker.terminate()))
  return {
    perform(name, input) {
      current ??= start()
      const { worker, waiting } = current
      const request: TaskRequest = { id: ++asked, name, input }
      return new Promise((resolve, reject) => {
        waiting.set(request.id, { resolve: resolve as Waiting['resolve'], reject })
        worker.postMessage(request)
      })
    },
  }
})
