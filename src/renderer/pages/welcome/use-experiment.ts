/** The experiment of one group as it happens: its runs, what runs now, and its comparison at the end. */
import { computed, onScopeDispose, watch, type ComputedRef } from 'vue'
import type { Comparison } from '../../../shared/comparison.ts'
import type { RunDetail, WorkspaceInfo } from '../../../shared/contract.ts'
import type { Job, Run, RunStage } from '../../../shared/types.ts'
import { compareMethods } from '../../charts/methods.ts'
import { useClient } from '../../client.ts'
import { useCall, type Failure } from '../../composables/use-call.ts'
import { useJobs } from '../../stores/jobs.ts'
import { runningStage } from '../runs/stages.ts'
import { useLiveRuns, type LiveRuns } from '../runs/use-live-runs.ts'

export type Lane = { run: Run; stages: RunStage[]; detail: RunDetail | null }
/** A run at its running stage; `progress` is the share done of that stage, `done` of `total` its units. */
export type Work = { run: Run; stage: RunStage; progress: number | null; done: number; total: number; perSecond: number | null }
export type Experiment = {
  lanes: ComputedRef<Lane[]>
  /** What works right now; on two cores two runs do. */
  now: ComputedRef<Work[]>
  job: ComputedRef<Job | null>
  status: ComputedRef<Job['status']>
  comparison: ComputedRef<Comparison | null>
  failure: ComputedRef<Failure | null>
  live: LiveRuns
}

export function useExperiment(demo: () => NonNullable<WorkspaceInfo['demo']>): Experiment {
  const client = useClient()
  const jobs = useJobs()
  const listed = useCall('runs.list', () => ({}), { reloadOn: ['runs'] })
  const stop = client.on('run', ({ run }) => {
    const known = listed.data.value ?? []
    const at = known.findIndex(({ id }) => id === run.id)
    listed.data.value = at < 0 ? [...known, run] : known.with(at, run)
  })
  onScopeDispose(stop)

  const runs = computed(() => (listed.data.value ?? []).filter((run) => run.group === demo().group).sort((a, b) => compareMethods(a.method, b.method) || a.seed - b.seed))
  const live = useLiveRuns(() => runs.value.map((run) => run.id))
  const lanes = computed(() => runs.value.map((run): Lane => {
    const detail = live.details.value.get(run.id) ?? null
    return { run, stages: detail?.stages ?? [], detail }
  }))
  // Once for the probe, again for the result: bootstraps over all samples are not for every moment of a live page.
  const comparison = useCall('comparisons.get', () => (runs.value.length > 0 ? { group: demo().group } : null))

  const job = computed(() => jobs.jobs.find(({ id }) => id === demo().jobId) ?? null)
  const now = computed(() =>
    lanes.value.flatMap(({ run, stages }): Work[] => {
      const stage = run.status === 'running' ? runningStage(stages) : null
      if (!stage) return []
      const about = jobs.active.find((one) => one.kind === 'run' && one.runId === run.id) ?? (job.value?.runId === run.id ? job.value : null)
      // A job may still tell of the stage before.
      const own = about?.stage.endsWith(stage.key) ? about : null
      const [done, total] = [own?.done ?? 0, own?.total ?? 0]
      return [{ run, stage, done, total, progress: total > 0 ? done / total : null, perSecond: own?.perSecond ?? null }]
    }),
  )
  const status = computed(() => job.value?.status ?? demo().status)
  watch(status, () => comparison.reload())
  return {
    lanes, now, job, live,
    status,
    // At the end what was known before is no result: it lacks the runs that ended last.
    comparison: computed(() => (status.value !== 'running' && comparison.pending.value ? null : comparison.data.value)),
    // Before the first evaluation there is nothing to compare: that is no failure.
    failure: computed(() => listed.failure.value),
  }
}
