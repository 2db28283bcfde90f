/** The torch engine's environment behind an interface: what is there, what an installation takes, and one as a job. */
import { findModel } from '../../engine/hub-cache.ts'
import type { Handlers } from '../../shared/contract.ts'
import type { Job } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { singleJob } from '../jobs/single-job.ts'
import { progressRate } from '../progress-rate.ts'
import type { Session } from '../session.ts'
import { installTorch, planTorch } from '../torch/environment.ts'
import { adoptPython, removeTorch, torchState } from '../torch/interpreter-state.ts'
import { parityThread } from '../torch/parity-thread.ts'

export function enginesApi(session: Session) {
  const env = process.env
  const installation = singleJob(session, 'an installation')
  const going = (): Job | null => (installation.current()?.status === 'running' ? installation.current() : null)

  const start = (): Job => going() ?? installation.start({ id: `engine-torch-${Date.now()}`, kind: 'engine', title: 'Torch engine', stage: 'looking at what is here' }, (signal, change) => {
    const rate = progressRate()
    return installTorch({ env, signal, onProgress: (progress) => change({ ...progress, etaSeconds: rate(progress.done, progress.total).etaSeconds }) })
  })

  return {
    'engines.torch': async () => ({ ...(await torchState(env)), jobId: going()?.id ?? null }),
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
