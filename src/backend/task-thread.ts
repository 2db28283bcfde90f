/** A thread of a session for tasks of one kind, one after the other, so that the interface's other calls are answered meanwhile. */
import { Worker } from 'node:worker_threads'
import type { CallError } from '../shared/contract.ts'
import { BackendError } from './errors.ts'
import { perSession, type Session } from './session.ts'

/** Tasks by name, each with what it takes and gives. */
export type TaskTypes = Record<string, { input: unknown; output: unknown }>
export type TaskRequest = { id: number; name: string; input: unknown }
export type TaskReply = { id: number; ok: unknown } | { id: number; error: CallError }
type Waiting = { resolve(output: unknown): void; reject(error: BackendError): void }
/** A thread and who waits for its answers: the end of one is not that of the next. */
type Started = { worker: Worker; waiting: Map<number, Waiting> }

export type TaskThread<Tasks extends TaskTypes> = { perform<Name extends keyof Tasks & string>(name: Name, input: Tasks[Name]['input']): Promise<Tasks[Name]['output']> }

/** @param entry the thread's file @param work what it does, as errors call it */
export function taskThread<Tasks extends TaskTypes>(entry: URL, work: string): (session: Session) => TaskThread<Tasks> {
  return perSession((session) => startWhenAsked(session, entry, work))
}

function startWhenAsked<Tasks extends TaskTypes>(session: Session, entry: URL, work: string): TaskThread<Tasks> {
  let current: Started | null = null
  let asked = 0
  const start = (): Started => {
    const worker = new Worker(entry, { workerData: session.workspace.path })
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
    worker.on('error', (error) => end(`the work on ${work} broke off: ${error.message}`))
    worker.on('exit', () => end(`the work on ${work} was ended`))
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
}
