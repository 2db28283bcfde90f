/** The contamination guard with a sentence model, as a job of the session; cancelled, vectors that were computed stay. */
import { randomUUID } from 'node:crypto'
import type { Dataset } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { runInProcess } from '../jobs/run-in-process.ts'
import { singleJob } from '../jobs/single-job.ts'
import { stageProgress } from '../progress-rate.ts'
import { perSession, type Session } from '../session.ts'
import { requireDataset } from '../storage/datasets.ts'
import type { CheckInput } from './check.ts'

/** The check by meaning of a session: resolves with the stamped dataset. */
export const checkJobOf = perSession(makeCheckJob)

function makeCheckJob(session: Session): { run(check: CheckInput): Promise<Dataset> } {
  const single = singleJob(session, 'a check')
  const { db, path } = session.workspace
  return {
    run(check) {
      requireDataset(db, check.name)
      single.requireFree('datasets.check: another dataset is being compared by meaning')
      return new Promise((resolve, reject) => {
        const job = single.start(
          { id: `check-${randomUUID().slice(0, 8)}`, kind: 'dataset', title: `check of ${check.name}`, stage: 'starting' },
          (signal, change) => runInProcess(session, { workspace: path, check }, { work: 'the check by meaning', log: 'check.log', signal, onProgress: stageProgress(change) }),
          () => (job.status === 'done' ? resolve(requireDataset(db, check.name)) : reject(new BackendError('failed', job.error ?? 'datasets.check: cancelled; an earlier result stays'))),
        )
      })
    },
  }
}
