/** The torch engine's environment behind an interface: what is there, what an installation takes, and one as a job. */
import { findModel } from '../../engine/hub-cache.ts'
import type { Handlers } from '../../shared/contract.ts'
import type { Job } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { addJobSource } from '../jobs/job-sources.ts'
import { progressRate } from '../progress-rate.ts'
import type { Session } from '../session.ts'
import { installTorch, planTorch } from '../torch/environment.ts'
import { adoptPython, removeTorch, torchState } from '../torch/interpreter-state.ts'
import { parityThread } from '../torch/parity-thread.ts'

type Installation = { job: Job; stop: AbortController; ended: Promise<void> }
const TOLD_EVERY_MS = 200

export function enginesApi(session: Session) {
  const env = process.env
  let current: Installation | null = null

  const start = (): Job => {
    if (current?.job.status === 'running') return current.job
    const job: Job = { id: `engine-torch-${Date.now()}`, kind: 'engine', title: 'Torch engine', status: 'running', stage: 'looking at what is here', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
    const stop = new AbortController()
    const rate = progressRate()
    let toldAt = -Infinity
    const tell = (): void => {
      toldAt = performance.now()
      session.push({ type: 'job', job: { ...job } })
    }
    const ended = installTorch({
      env,
      signal: stop.signal,
      onProgress: (progress) => {
        const isNewStage = progress.stage !== job.stage
        Object.assign(job, progress, { etaSeconds: rate(progress.done, progress.total).etaSeconds })
        if (isNewStage || performance.now() - toldAt > TOLD_EVERY_MS) tell()
      },
    })
      .then(() => void (job.status = 'done'))
      .catch((error: unknown) => {
        job.status = stop.signal.aborted ? 'cancelled' : 'failed'
        job.error = stop.signal.aborted ? null : error instanceof Error ? error.message : String(error)
      })
      .then(() => {
        job.etaSeconds = null
        tell()
      })
    current = { job, stop, ended }
    tell()
    return job
  }

  addJobSource(session, {
    list: () => (current === null ? [] : [{ ...current.job }]),
    has: (id) => current?.job.id === id,
    async cancel(id) {
      if (current?.job.id !== id) throw new BackendError('not-found', `job: expected the id of an installation, got "${id}"`)
      current.stop.abort(new Error('cancelled'))
      await current.ended
      return { ...current.job }
    },
  })
  session.onClose(async () => {
    current?.stop.abort(new Error('the workspace was closed'))
    await current?.ended
  })

  return {
    'engines.torch': async () => ({ ...(await torchState(env)), jobId: current?.job.status === 'running' ? current.job.id : null }),
    'engines.plan': () => planTorch(env),
    'engines.install': () => ({ jobId: start().id }),
    'engines.adopt': async ({ python }) => {
      await adoptPython(python, env)
      return { python }
    },
    'engines.remove': () => removeTorch(env),
    'engines.parity': async ({ model, device }) => {
      const folder = findModel(model, session.workspace.path)
      if (folder === null) throw new BackendError('bad-input', `model: expected a model folder, or a model of the Hub that is here already, found none for ${model}; a run fetches it, or correct the path`)
      return parityThread(session).perform('check', { model: folder, device })
    },
  } satisfies Pick<Handlers, 'engines.torch' | 'engines.plan' | 'engines.install' | 'engines.adopt' | 'engines.remove' | 'engines.parity'>
}
