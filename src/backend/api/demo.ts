/** The built-in experiment as a job of the session: one at a time, cancelled by pausing its runs. */
import { availableParallelism } from 'node:os'
import type { Handlers, WorkspaceInfo } from '../../shared/contract.ts'
import type { Job } from '../../shared/types.ts'
import { type ExperimentPlan, planExperiment, runExperiment } from '../demo/experiment.ts'
import { FULL, QUICK } from '../demo/settings.ts'
import type { PrepareProgress } from '../demo/prepare.ts'
import { BackendError } from '../errors.ts'
import { addJobSource } from '../jobs/job-sources.ts'
import { runInProcess } from '../jobs/run-in-process.ts'
import { supervisorOf } from '../jobs/supervisor.ts'
import type { Session } from '../session.ts'

type Experiment = { job: Job; plan: ExperimentPlan; stop: AbortController; ended: Promise<void> }
const TOLD_EVERY_MS = 150

/** Lane-seconds per run and round, and seconds per log, on a core of this speed (docs/log.md); in proportion elsewhere. */
const SECONDS_PER_ROUND = { quick: 3, full: 3.1 }
const SECONDS_PER_LOG = { quick: 4, full: 5 }
const MULTIPLY_SPEED = 108
let slowness: Promise<number> | undefined

const current = new WeakMap<Session, Experiment>()

/** What `workspace.info` says of the experiment while there is one. */
export function demoOf(session: Session): WorkspaceInfo['demo'] {
  const experiment = current.get(session)
  return experiment ? { jobId: experiment.job.id, group: experiment.plan.group, status: experiment.job.status } : null
}

export function demoApi(session: Session) {
  const { workspace } = session

  const start = (plan: ExperimentPlan): Job => {
    const present = current.get(session)
    if (present?.job.status === 'running') {
      if (present.plan.group === plan.group) return present.job
      throw new BackendError('bad-input', `demo.start: the experiment ${present.plan.group} is running. Wait for it or cancel it first.`)
    }
    const job: Job = { id: `demo-${plan.group}`, kind: 'demo', title: plan.quick ? 'Quick built-in experiment' : 'Built-in experiment', status: 'running', stage: 'starting', done: 0, total: 0, perSecond: null, etaSeconds: null, runId: null, error: null }
    const stop = new AbortController()
    let toldAt = -Infinity
    const tell = (): void => {
      toldAt = performance.now()
      session.push({ type: 'job', job: { ...job } })
    }
    const supervisor = supervisorOf(session)
    const host = { workspace, prepare, start: supervisor.start, resume: supervisor.resume, pause: supervisor.pause }
    const ended = runExperiment(host, plan, (progress) => {
      const isNewStage = progress.stage !== job.stage
      Object.assign(job, progress)
      if (isNewStage || performance.now() - toldAt > TOLD_EVERY_MS) tell()
    }, stop.signal)
      .then(() => void (job.status = 'done'))
      .catch((error: unknown) => {
        job.status = stop.signal.aborted ? 'paused' : 'failed'
        job.error = stop.signal.aborted ? null : error instanceof Error ? error.message : String(error)
      })
      .then(() => {
        job.etaSeconds = null
        tell()
        session.push({ type: 'workspace.changed', nouns: ['workspace', 'imports', 'conversations', 'signals', 'datasets', 'runs', 'evaluations'] })
      })
    current.set(session, { job, plan, stop, ended })
    tell()
    session.push({ type: 'workspace.changed', nouns: ['workspace'] })
    return job
  }

  /** In a process of its own: sampling would block every other call. */
  const prepare = (plan: ExperimentPlan, onProgress: PrepareProgress, signal: AbortSignal): Promise<void> => {
    let present = ''
    return runInProcess(session, { workspace: workspace.path, prepare: { quick: plan.quick, seed: plan.seeds[0] ?? 1, seeds: plan.seeds.length } }, {
      work: 'preparing the built-in experiment',
      log: 'prepare.log',
      signal,
      onProgress(stage, done, total) {
        // A stage that follows another one has left rows behind.
        if (stage !== present) session.push({ type: 'workspace.changed', nouns: ['imports', 'conversations', 'signals', 'datasets'] })
        present = stage
        onProgress(stage, done, total)
      },
    })
  }

  addJobSource(session, {
    list: () => (current.has(session) ? [{ ...current.get(session)!.job }] : []),
    has: (id) => current.get(session)?.job.id === id,
    async cancel(id) {
      const experiment = current.get(session)
      if (experiment?.job.id !== id) throw new BackendError('not-found', `job: expected the id of the experiment, got "${id}"`)
      experiment.stop.abort(new Error('cancelled'))
      await experiment.ended
      return { ...experiment.job }
    },
  })
  session.onClose(async () => {
    const experiment = current.get(session)
    experiment?.stop.abort(new Error('the workspace was closed'))
    await experiment?.ended
  })

  return {
    'demo.start': ({ quick, seed, seeds }) => ({ jobId: start(planExperiment({ quick, seed, seeds })).id }),
    'demo.estimate': async () => {
      // Loaded when asked for: an idle backend does without the engine's library.
      slowness ??= import('../../engine/probe.ts').then(async ({ measureMultiplySpeed }) => MULTIPLY_SPEED / (await measureMultiplySpeed()))
      const times = await slowness
      const lanes = availableParallelism()
      const minutes = (size: typeof FULL, kind: 'quick' | 'full'): number => {
        const runs = size.seeds * (size.oracle ? 4 : 3)
        const laneSeconds = runs * (size.iterations + 0.5) * SECONDS_PER_ROUND[kind]
        return (times * (laneSeconds / Math.min(lanes, runs) + size.seeds * SECONDS_PER_LOG[kind])) / 60
      }
      return { quickMinutes: minutes(QUICK, 'quick'), fullMinutes: minutes(FULL, 'full') }
    },
  } satisfies Pick<Handlers, 'demo.start' | 'demo.estimate'>
}
