/** The experiment of one group as it happens: its runs, what runs now, its comparison so far. */
import { computed, onScopeDispose, type ComputedRef } from 'vue'
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
export type Experiment = {
  lanes: ComputedRef<Lane[]>
  /** The run and stage that work right now. */
  now: ComputedRef<{ run: Run; stage: RunStage } | null>
  job: ComputedRef<Job | null>
  status: ComputedRef<Job['status']>
  /** Share done of the running stage. */
  progress: ComputedRef<number | null>
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
  const comparison = useCall('comparisons.get', () => (runs.value.length > 0 ? { group: demo().group } : null), { reloadOn: ['runs', 'evaluations'] })
  live.onStageDone((_, stage) => void (stage.kind === 'evaluate' && comparison.reload()))

  const job = computed(() => jobs.jobs.find(({ id }) => id === demo().jobId) ?? null)
  const now = computed(() => {
    for (const { run, stages } of lanes.value) {
      const stage = run.status === 'running' ? runningStage(stages) : null
      if (stage) return { run, stage }
    }
    return null
  })
  return {
    lanes, now, job, live,
    status: computed(() => job.value?.status ?? demo().status),
    progress: computed(() => {
      const own = now.value && (jobs.active.find((one) => one.kind === 'run' && one.runId === now.value?.run.id) ?? (job.value?.runId === now.value.run.id ? job.value : null))
      return own && own.total > 0 ? own.done / own.total : null
    }),
    comparison: computed(() => comparison.data.value),
    // Before the first evaluation there is nothing to compare: that is no failure.
    failure: computed(() => listed.failure.value),
  }
}
