import type { Handlers } from '../../shared/contract.ts'
import { cancelJob, listJobs } from '../jobs/job-sources.ts'
import type { Session } from '../session.ts'

export function jobsApi(session: Session) {
  return {
    'jobs.list': () => listJobs(session),
    'jobs.cancel': ({ id }) => cancelJob(session, id),
  } satisfies Pick<Handlers, 'jobs.list' | 'jobs.cancel'>
}
