/** Everything that counts as a job in the interface: runs, data jobs, and what others add (the built-in experiment). */
import type { Job } from '../../shared/types.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { supervisorOf } from './supervisor.ts'

export type JobSource = { list(): Job[]; has(id: string): boolean; cancel(id: string): Job | Promise<Job> }

const added = new WeakMap<Session, JobSource[]>()

/** For jobs of a kind of their own; call it once when the session's calls are made. */
export function addJobSource(session: Session, source: JobSource): void {
  added.set(session, [...(added.get(session) ?? []), source])
}

function sourcesOf(session: Session): JobSource[] {
  return [...(added.get(session) ?? []), dataJobs(session), runJobs(session)]
}

/** Added sources first: the experiment stands above its runs. */
export function listJobs(session: Session): Job[] {
  return sourcesOf(session).flatMap((source) => source.list())
}

export async function cancelJob(session: Session, id: string): Promise<Job> {
  const source = sourcesOf(session).find((one) => one.has(id))
  if (source === undefined) throw new BackendError('not-found', `job: expected the id of a job, got "${id}"`)
  return source.cancel(id)
}

function runJobs(session: Session): JobSource {
  const supervisor = supervisorOf(session)
  const find = (id: string): Job | undefined => supervisor.jobs().find((job) => job.id === id)
  return {
    list: () => supervisor.jobs(),
    has: (id) => find(id) !== undefined,
    async cancel(id) {
      const job = find(id)
      if (!job?.runId) throw new BackendError('not-found', `job: expected the id of a run's job, got "${id}"`)
      if (job.status === 'queued' || job.status === 'running') {
        supervisor.cancel(job.runId)
        await supervisor.wait(job.runId)
      }
      return find(id) ?? job
    },
  }
}
