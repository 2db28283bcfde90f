/**
 * Imports, detector runs, analyses and judged evaluations beside the interface: a thread each, with its own connection. What a
 * batch wrote stays: doing it again adds the rest, and an evaluation that is resumed asks only what has no reply yet.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Push } from '../shared/contract.ts'
import type { Job } from '../shared/types.ts'
import type { DataJobInput, DataJobMessage, DataTask } from './data-worker.ts'
import { BackendError } from './errors.ts'
import { progressRate } from './progress-rate.ts'
import { perSession, type Session } from './session.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './data-worker.ts' : './data-worker.js'
const TOLD_EVERY_MS = 200
const KEPT_ENDED = 20
const LISTENS_WITHIN_MS = 5000

export type DataJobs = {
  /** Newest first; a few ended ones are kept. */
  list(): Job[]
  has(id: string): boolean
  /** Resolves once the thread has stopped. */
  cancel(id: string): Promise<Job>
  start(title: string, task: DataTask): Job
}

type Running = { job: Job; worker: Worker; ended: Promise<void>; cancelled: boolean }

/** The data jobs of a session. */
export const dataJobs = perSession(makeDataJobs)

function makeDataJobs(session: Session): DataJobs {
  const jobs = new Map<string, Running>()
  session.onClose(async () => {
    await Promise.all([...jobs.values()].map(async (running) => {
      if (running.job.status !== 'running') return
      // An import that is told can say that nobody works on it any more; it listens between batches.
      running.cancelled = true
      running.worker.postMessage('abort')
      await Promise.race([running.ended, setTimeout(LISTENS_WITHIN_MS, null, { ref: false })])
      await running.worker.terminate()
    }))
  })

  const start = (title: string, task: DataTask): Job => {
    const input: DataJobInput = { workspace: session.workspace.path, task }
    const rate = progressRate()
    let told = -Infinity
    const job: Job = { id: `${task.kind}-${randomUUID().slice(0, 8)}`, kind: task.kind, title, status: 'running', stage: '', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
    const tell = (): void => {
      told = performance.now()
      session.push({ type: 'job', job: { ...job } })
    }
    const worker = new Worker(new URL(ENTRY, import.meta.url), { workerData: input })
    const running: Running = {
      job,
      worker,
      cancelled: false,
      ended: new Promise((resolve) => {
        worker.on('message', (message: DataJobMessage) => {
          const { perSecond, etaSeconds } = rate(message.done, message.total)
          Object.assign(job, message, { perSecond: message.perSecond ?? perSecond, etaSeconds })
          if (performance.now() - told >= TOLD_EVERY_MS) tell()
        })
        worker.on('error', (error) => {
          if (!running.cancelled) job.error = error.message
        })
        worker.on('exit', () => {
          job.status = running.cancelled ? 'cancelled' : job.error === null ? 'done' : 'failed'
          job.etaSeconds = null
          tell()
          session.push({ type: 'workspace.changed', nouns: CHANGED[task.kind] })
          resolve()
        })
      }),
    }
    jobs.set(job.id, running)
    forgetOldest(jobs)
    tell()
    return job
  }

  return {
    start,
    list: () => [...jobs.values()].map(({ job }) => ({ ...job })).reverse(),
    has: (id) => jobs.has(id),
    async cancel(id) {
      const running = jobs.get(id)
      if (running === undefined) throw new BackendError('not-found', `job: expected the id of a job, got "${id}"`)
      if (running.job.status === 'running') {
        running.cancelled = true
        running.worker.postMessage('abort')
        await running.ended
      }
      return { ...running.job }
    },
  }
}

const CHANGED: Record<DataTask['kind'], Extract<Push, { type: 'workspace.changed' }>['nouns']> = { import: ['imports', 'conversations', 'signals', 'review'], signals: ['signals', 'conversations'], analysis: ['conversations'], evaluation: ['evaluations'] }

function forgetOldest(jobs: Map<string, Running>): void {
  const ended = [...jobs.values()].filter(({ job }) => job.status !== 'running')
  for (const { job } of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) jobs.delete(job.id)
}
