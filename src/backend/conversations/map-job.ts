/** Making the map as a job of the session: one at a time; cancelled, it goes on where it was when it is started again. */
import { randomUUID } from 'node:crypto'
import type { Job } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { addJobSource } from '../jobs/job-sources.ts'
import { runInProcess } from '../jobs/run-in-process.ts'
import { progressRate } from '../progress-rate.ts'
import { perSession, type Session } from '../session.ts'

type MapJob = { job: Job; folder: string | null; stop: AbortController; ended: Promise<void> }
const TOLD_EVERY_MS = 150

/** The map job of a session. */
export const mapJobOf = perSession(makeMapJob)

function makeMapJob(session: Session): { start(folder: string | null): Job } {
  let current: MapJob | null = null

  const end = async (running: MapJob | null, reason: string): Promise<void> => {
    running?.stop.abort(new Error(reason))
    await running?.ended
  }
  addJobSource(session, {
    list: () => (current === null ? [] : [{ ...current.job }]),
    has: (id) => current?.job.id === id,
    async cancel(id) {
      const running = current
      if (running?.job.id !== id) throw new BackendError('not-found', `job: expected the id of a job, got "${id}"`)
      if (running.job.status === 'running') await end(running, 'cancelled')
      return { ...running.job }
    },
  })
  session.onClose(() => end(current, 'the workspace was closed'))

  return {
    start(folder) {
      if (current?.job.status === 'running') {
        if (current.folder === folder) return current.job
        throw new BackendError('bad-input', 'conversations.makeMap: another map is being made. Wait for it or cancel it first')
      }
      const job: Job = { id: `map-${randomUUID().slice(0, 8)}`, kind: 'map', title: 'map of conversations', status: 'running', stage: 'starting', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
      const stop = new AbortController()
      let rate = progressRate()
      let toldAt = -Infinity
      const tell = (): void => {
        toldAt = performance.now()
        session.push({ type: 'job', job: { ...job } })
      }
      const onProgress = (stage: string, done: number, total: number): void => {
        const isNewStage = stage !== job.stage
        if (isNewStage) rate = progressRate()
        Object.assign(job, { stage, done, total, ...rate(done, total) })
        if (isNewStage || performance.now() - toldAt > TOLD_EVERY_MS) tell()
      }
      const ended = runInProcess(session, { workspace: session.workspace.path, map: { folder } }, { work: 'making the map', log: 'map.log', signal: stop.signal, onProgress })
        .then(() => void (job.status = 'done'))
        .catch((error: unknown) => {
          job.status = stop.signal.aborted ? 'cancelled' : 'failed'
          job.error = stop.signal.aborted ? null : error instanceof Error ? error.message : String(error)
        })
        .then(() => {
          Object.assign(job, { perSecond: null, etaSeconds: null })
          tell()
          session.push({ type: 'workspace.changed', nouns: ['conversations'] })
        })
      current = { job, folder, stop, ended }
      tell()
      return job
    },
  }
}
