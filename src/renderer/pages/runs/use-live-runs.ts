/**
 * Runs as they go. Details are shallow; metric rows and samples are raw arrays that Vue never sees: `tick` changes
 * at most every 400 ms when some came in, and whoever draws reads them then.
 */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'
import type { RunDetail } from '../../../shared/contract.ts'
import type { MetricRow, RunStage, SampleRow } from '../../../shared/types.ts'
import { createMetricLog, type MetricLog } from '../../charts/metric-log.ts'
import { toFailure, useClient } from '../../client.ts'
import type { Failure } from '../../composables/use-call.ts'

export type LiveRuns = {
  details: Readonly<ShallowRef<Map<string, RunDetail>>>
  failures: Readonly<ShallowRef<Map<string, Failure>>>
  /** Read inside a computed or watcher that also reads `tick`. */
  log(id: string): MetricLog
  /** Newest last; only the latest are kept here. */
  samples(id: string): readonly SampleRow[]
  tick: Readonly<ShallowRef<number>>
  /** Called with samples as they arrive, for a stream. */
  onSamples(listener: (runId: string, rows: SampleRow[]) => void): void
  /** Called when a stage has ended: figures behind it have changed. */
  onStageDone(listener: (runId: string, stage: RunStage) => void): void
  reload(): void
}

const keptSamples = 400
/** Six curves drawn for every step of two runs would take a third of a core from what they show. */
const TICK_MS = 400

export function useLiveRuns(ids: () => readonly string[]): LiveRuns {
  const client = useClient()
  const details = shallowRef(new Map<string, RunDetail>())
  const failures = shallowRef(new Map<string, Failure>())
  const tick = shallowRef(0)
  const logs = new Map<string, MetricLog>()
  const samples = new Map<string, SampleRow[]>()
  const sampleListeners: ((runId: string, rows: SampleRow[]) => void)[] = []
  const stageListeners: ((runId: string, stage: RunStage) => void)[] = []
  let known = new Set<string>()
  let open = true
  let timer: ReturnType<typeof setTimeout> | undefined
  let tickedAt = -Infinity

  const flush = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      tickedAt = performance.now()
      tick.value++
    }, Math.max(0, tickedAt + TICK_MS - performance.now()))
  }
  const log = (id: string): MetricLog => {
    const own = logs.get(id) ?? createMetricLog()
    logs.set(id, own)
    return own
  }
  // The reward model's own training has its own loss: not a point of the policy's curves.
  const append = (id: string, rows: readonly MetricRow[]): void => {
    log(id).append(rows.filter((row) => !row.stage.startsWith('reward/')))
    flush()
  }
  const keep = (id: string, rows: readonly SampleRow[]): void => {
    const own = new Map([...(samples.get(id) ?? []), ...rows].map((row) => [`${row.stage} ${row.index}`, row]))
    samples.set(id, [...own.values()].slice(-keptSamples))
    flush()
  }
  const put = (id: string, change: (detail: RunDetail) => RunDetail): void => {
    const detail = details.value.get(id)
    if (detail) details.value = new Map(details.value).set(id, change(detail))
  }

  async function loadDetail(id: string): Promise<void> {
    try {
      const detail = await client.call('runs.get', { id })
      if (!open) return
      details.value = new Map(details.value).set(id, detail)
      if (failures.value.has(id)) failures.value = new Map([...failures.value].filter(([key]) => key !== id))
    } catch (error) {
      if (open) failures.value = new Map(failures.value).set(id, toFailure(error))
    }
  }
  async function loadRows(id: string): Promise<void> {
    const [metrics, latest] = await Promise.all([
      client.call('runs.metrics', { id, after: 0 }).catch(() => null),
      client.call('runs.samples', { id, newestFirst: true, limit: 60 }).catch(() => null),
    ])
    if (!open) return
    if (metrics) append(id, metrics.rows)
    if (latest) keep(id, latest.rows.toReversed())
  }
  const load = async (id: string): Promise<void> => {
    await loadDetail(id)
    await loadRows(id)
  }
  const reload = (): void => {
    for (const id of known) void load(id)
  }

  watch(() => ids().join('\n'), () => {
    const now = new Set(ids())
    for (const id of now) if (!known.has(id)) void load(id)
    known = now
  }, { immediate: true })

  const stops = [
    client.onOpen(reload),
    client.on('run', ({ run }) => {
      if (!known.has(run.id)) return
      const before = details.value.get(run.id)?.run.status
      put(run.id, (detail) => ({ ...detail, run }))
      // Why it paused or failed (tripwires, its log) is not told with it.
      if (before !== undefined && before !== run.status) void loadDetail(run.id)
    }),
    client.on('run.metrics', ({ runId, rows }) => void (known.has(runId) && append(runId, rows))),
    client.on('run.samples', ({ runId, rows }) => {
      if (!known.has(runId)) return
      keep(runId, rows)
      for (const listener of sampleListeners) listener(runId, rows)
    }),
    client.on('run.canaries', ({ runId, rows }) => void (known.has(runId) && put(runId, (detail) => ({ ...detail, canaries: [...detail.canaries, ...rows] })))),
    client.on('run.stage', ({ runId, stage }) => {
      if (!known.has(runId)) return
      put(runId, (detail) => ({ ...detail, stages: withStage(detail.stages, stage) }))
      if (stage.status !== 'done') return
      // Evaluations, gradient health and ledger are the backend's to sum up.
      void loadDetail(runId)
      // What an equal stage of another run left behind was not told row by row.
      if (stage.reusedFrom !== null) void loadRows(runId)
      for (const listener of stageListeners) listener(runId, stage)
    }),
  ]
  onScopeDispose(() => {
    open = false
    clearTimeout(timer)
    for (const stop of stops) stop()
  })

  return { details, failures, log, samples: (id) => samples.get(id) ?? [], tick, onSamples: (listener) => void sampleListeners.push(listener), onStageDone: (listener) => void stageListeners.push(listener), reload }
}

/** A stage takes the place of what was known of it. */
export function withStage(stages: readonly RunStage[], stage: RunStage): RunStage[] {
  const at = stages.findIndex((one) => one.key === stage.key)
  return at < 0 ? [...stages, stage] : stages.with(at, stage)
}
