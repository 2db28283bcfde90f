/** Long work of a session of which there is one at a time, as a job: told as it goes on, cancelled by its id, ended with the session. */
import type { Job } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { addJobSource } from './job-sources.ts'

export type SingleJob = {
  /** The one that works, or the last that did. */
  current(): Job | null
  /** @throws BackendError where one works. @param busy which, in words */
  requireFree(busy: string): void
  /** Call it while none works. @param work changes the job as it goes on; throws where it fails @param after called once it has ended, however */
  start(begun: Pick<Job, 'id' | 'kind' | 'title' | 'stage'>, work: (signal: AbortSignal, change: (part: Partial<Job>) => void) => Promise<unknown>, after?: () => void): Job
}

const TOLD_EVERY_MS = 150

/** @param noun what errors call it. */
export function singleJob(session: Session, noun: string): SingleJob {
  let current: { job: Job; stop: AbortController; ended: Promise<void> } | null = null
  const end = async (reason: string): Promise<void> => {
    if (current?.job.status === 'running') current.stop.abort(new Error(reason))
    await current?.ended
  }
  addJobSource(session, {
    list: () => (current === null ? [] : [{ ...current.job }]),
    has: (id) => current?.job.id === id,
    async cancel(id) {
      if (current?.job.id !== id) throw new BackendError('not-found', `job: expected the id of ${noun}, got "${id}"`)
      const { job } = current
      await end('cancelled')
      return { ...job }
    },
  })
  session.onClose(() => end('the workspace was closed'))

  return {
    current: () => current?.job ?? null,
    requireFree(busy) {
      if (current?.job.status === 'running') throw new BackendError('bad-input', `${busy}. Wait for it or cancel it first`)
    },
    start(begun, work, after = () => {}) {
      const job: Job = { ...begun, status: 'running', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
      const stop = new AbortController()
      let toldAt = -Infinity
      const tell = (): void => {
        toldAt = performance.now()
        session.push({ type: 'job', job: { ...job } })
      }
      const change = (part: Partial<Job>): void => {
        const isNewStage = part.stage !== undefined && part.stage !== job.stage
        Object.assign(job, part)
        if (isNewStage || performance.now() - toldAt > TOLD_EVERY_MS) tell()
      }
      const ended = work(stop.signal, change)
        .then(() => void (job.status = 'done'))
        .catch((error: unknown) => {
          job.status = stop.signal.aborted ? 'cancelled' : 'failed'
          job.error = stop.signal.aborted ? null : error instanceof Error ? error.message : String(error)
        })
        .then(() => {
          Object.assign(job, { perSecond: null, etaSeconds: null })
          tell()
          after()
        })
      current = { job, stop, ended }
      tell()
      return job
    },
  }
}
