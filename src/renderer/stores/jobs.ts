import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { Job, RunStatus } from '../../shared/types.ts'
import { useClient } from '../client.ts'
import { useToasts } from './toasts.ts'

const rank: Record<RunStatus, number> = { running: 0, paused: 1, queued: 2, interrupted: 3, failed: 4, done: 5, cancelled: 6 }
export const isActive = (job: Job): boolean => job.status === 'running' || job.status === 'queued' || job.status === 'paused'

/** What the backend is doing, as it tells it. */
export const useJobs = defineStore('jobs', () => {
  const client = useClient()
  const toasts = useToasts()
  const byId = shallowRef(new Map<string, Job>())
  const jobs = computed(() => [...byId.value.values()].reverse().sort((a, b) => rank[a.status] - rank[b.status]))
  const active = computed(() => jobs.value.filter(isActive))
  const latest = computed<Job | null>(() => active.value[0] ?? [...byId.value.values()].at(-1) ?? null)

  async function load(): Promise<void> {
    const listed = await client.call('jobs.list', {}).catch(() => [])
    // The newest comes first there; here the last is the latest told of.
    byId.value = new Map(listed.toReversed().map((job) => [job.id, job]))
  }
  client.onOpen(() => void load())
  if (client.connection.value.state === 'open') void load()
  client.on('workspace.changed', (push) => void (push.nouns.includes('workspace') && load()))
  client.on('job', ({ job }) => {
    const before = byId.value.get(job.id)
    byId.value = new Map(byId.value).set(job.id, job)
    if (job.status === 'done' && before?.status === 'running' && job.kind === 'import') toasts.done(`${job.title}: done`, { message: job.stage })
    if (job.status === 'failed' && before?.status !== 'failed') toasts.failed(`${job.title} failed`, new Error(job.error ?? 'The job ended without saying why.'))
  })

  const attempt = (what: string, work: Promise<unknown>): void => void work.catch((error: unknown) => toasts.failed(what, error))
  return {
    jobs,
    active,
    latest,
    cancel: (job: Job): void => attempt(`${job.title} was not cancelled`, client.call('jobs.cancel', { id: job.id })),
    /** Runs stop after the step they are in and go on from there. */
    pause: (job: Job): void => void (job.runId && attempt(`${job.title} was not paused`, client.call('runs.pause', { id: job.runId }))),
    resume: (job: Job): void => void (job.runId && attempt(`${job.title} was not resumed`, client.call('runs.resume', { id: job.runId }))),
  }
})
