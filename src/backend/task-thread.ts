/** A thread of a session for tasks of one kind, so that the interface's other calls are answered meanwhile. Long ones are jobs: seen, and cancelled. */
import { Worker } from 'node:worker_threads'
import type { CallError } from '../shared/contract.ts'
import type { Job } from '../shared/types.ts'
import { BackendError } from './errors.ts'
import { addJobSource } from './jobs/job-sources.ts'
import { progressRate } from './progress-rate.ts'
import { perSession, type Session } from './session.ts'

/** Tasks by name, each with what it takes and gives. */
export type TaskTypes = Record<string, { input: unknown; output: unknown }>
/** `cancelled`: one int32, set to 1 where the task is to stop; work that never yields reads it between its steps. */
export type TaskRequest = { id: number; name: string; input: unknown; cancelled: SharedArrayBuffer }
export type TaskProgress = { id: number; done: number; total: number; stage: string }
export type TaskReply = { id: number; ok: unknown } | { id: number; error: CallError } | { progress: TaskProgress }
/** What a task tells of its work as it goes; throws where it is to stop. */
export type Tell = (done: number, total: number, stage: string) => void

type Waiting = { resolve(output: unknown): void; reject(error: BackendError): void; told: ToldJob | null }
/** A thread and who waits for its answers: the end of one is not that of the next. */
type Started = { worker: Worker; waiting: Map<number, Waiting> }
type ToldJob = { job: Job; /** Whether it has taken long enough to be told of. */ isTold: boolean; cancelled: SharedArrayBuffer; rate: ReturnType<typeof progressRate>; settled: Promise<unknown> }

export type TaskThread<Tasks extends TaskTypes> = {
  /** @param title with it the task is a job of that name as soon as it has taken longer than a moment */
  perform<Name extends keyof Tasks & string>(name: Name, input: Tasks[Name]['input'], title?: string): Promise<Tasks[Name]['output']>
}

/** Shorter tasks are over before a line about them is read. */
const TOLD_AFTER_MS = 500

/** A thread that holds nothing for its next task gives its memory back when it has had none for so long. */
export const IDLE_MS = 20_000

/** @param entry the thread's file @param work what it does, as errors call it @param kind of its jobs @param idleMs after which it ends; left out for a thread that holds what its next task wants */
export function taskThread<Tasks extends TaskTypes>(entry: URL, work: string, kind: Job['kind'], idleMs = Infinity): (session: Session) => TaskThread<Tasks> {
  return perSession((session) => startWhenAsked(session, entry, work, kind, idleMs))
}

function startWhenAsked<Tasks extends TaskTypes>(session: Session, entry: URL, work: string, kind: Job['kind'], idleMs: number): TaskThread<Tasks> {
  let idle: NodeJS.Timeout | undefined
  let current: Started | null = null
  let asked = 0
  const jobs = new Map<string, ToldJob>()
  const tell = (told: ToldJob): void => void (told.isTold && session.push({ type: 'job', job: { ...told.job } }))
  addJobSource(session, {
    list: () => [...jobs.values()].map(({ job }) => ({ ...job })),
    has: (id) => jobs.has(id),
    async cancel(id) {
      const told = jobs.get(id)
      if (told === undefined) throw new BackendError('not-found', `job: expected the id of a job, got "${id}"`)
      Atomics.store(new Int32Array(told.cancelled), 0, 1)
      await told.settled
      return { ...told.job }
    },
  })
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
      if ('progress' in reply) {
        const { id, ...progress } = reply.progress
        const told = waiting.get(id)?.told
        if (!told) return
        Object.assign(told.job, progress, told.rate(progress.done, progress.total))
        return tell(told)
      }
      const own = waiting.get(reply.id)
      waiting.delete(reply.id)
      if (waiting.size === 0) restLater()
      if ('ok' in reply) own?.resolve(reply.ok)
      else own?.reject(new BackendError(reply.error.code, reply.error.message, reply.error.detail))
    })
    const rest = (): void => {
      // Whoever asks from now on starts another.
      if (current === started) current = null
      void worker.terminate()
    }
    const restLater = (): void => void (idleMs < Infinity && (idle = setTimeout(rest, idleMs).unref()))
    worker.on('error', (error) => end(`the work on ${work} broke off: ${error.message}`))
    worker.on('exit', () => end(`the work on ${work} was ended`))
    return started
  }
  /** A job from when the task has taken a moment until it is settled. */
  const follow = (told: ToldJob, settled: Promise<unknown>): void => {
    jobs.set(told.job.id, told)
    const timer = setTimeout(() => {
      told.isTold = true
      tell(told)
    }, TOLD_AFTER_MS)
    const end = (status: Job['status'], error: string | null): void => {
      clearTimeout(timer)
      jobs.delete(told.job.id)
      Object.assign(told.job, { status, error, etaSeconds: null })
      tell(told)
    }
    told.settled = settled.then(
      () => end('done', null),
      (error: Error) => (Atomics.load(new Int32Array(told.cancelled), 0) === 1 ? end('cancelled', null) : end('failed', error.message)),
    )
  }
  session.onClose(async () => void (await current?.worker.terminate()))
  return {
    perform(name, input, title) {
      current ??= start()
      clearTimeout(idle)
      const { worker, waiting } = current
      const request: TaskRequest = { id: ++asked, name, input, cancelled: new SharedArrayBuffer(4) }
      const job: Job = { id: `${kind}-${work}-${request.id}`, kind, title: title ?? '', status: 'running', stage: '', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
      const told: ToldJob | null = title === undefined ? null : { job, isTold: false, cancelled: request.cancelled, rate: progressRate(), settled: Promise.resolve() }
      const answered = new Promise((resolve, reject) => {
        waiting.set(request.id, { resolve, reject, told })
        worker.postMessage(request)
      })
      if (told !== null) follow(told, answered)
      return answered as Promise<Tasks[typeof name]['output']>
    },
  }
}
