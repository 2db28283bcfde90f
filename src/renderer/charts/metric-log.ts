/**
 * The metric rows of one run, on one axis: global steps across stages, warm start first, then round by round.
 * Plain arrays outside Vue's reactivity; whoever draws asks for a series when told that rows came in.
 */
import type { MetricRow } from '../../shared/types.ts'
import type { Point } from '../../core/decimate.ts'

export type StageSpan = { stage: string; /** Global step before its first one. */ start: number; steps: number }

export type MetricLog = {
  /** A row of a step already seen replaces it: a resumed stage repeats the steps since its last checkpoint. */
  append(rows: readonly MetricRow[]): void
  spans(): StageSpan[]
  /** Global step against value; `on` places stages as `alignedSpans` says. Missing and non-finite figures are gaps. */
  series(metric: string, on?: readonly StageSpan[]): Point[]
  /** How many figures of a metric were not finite (NaN or infinite). */
  broken(metric: string): number
  readonly size: number
}

export function createMetricLog(): MetricLog {
  const stages = new Map<string, MetricRow[]>()
  let size = 0

  const spans = (): StageSpan[] => {
    let start = 0
    return [...stages].sort(([a], [b]) => stageRank(a) - stageRank(b)).map(([stage, rows]) => {
      const span = { stage, start, steps: rows.at(-1)?.step ?? 0 }
      start += span.steps
      return span
    })
  }
  const insert = (rows: MetricRow[], row: MetricRow): void => {
    let at = rows.length
    while (at > 0 && rows[at - 1]!.step > row.step) at--
    const replaces = at > 0 && rows[at - 1]!.step === row.step
    rows.splice(replaces ? at - 1 : at, replaces ? 1 : 0, row)
    if (!replaces) size++
  }

  return {
    append(rows) {
      for (const row of rows) {
        const stage = stages.get(row.stage)
        if (stage) insert(stage, row)
        else {
          stages.set(row.stage, [row])
          size++
        }
      }
    },
    spans,
    series(metric, on = spans()) {
      return on.flatMap(({ stage, start }) =>
        (stages.get(stage) ?? []).map((row): Point => {
          const value = row[metric]
          return [start + row.step, typeof value === 'number' && Number.isFinite(value) ? value : null]
        }),
      )
    },
    broken: (metric) => [...stages.values()].flat().filter((row) => metric in row && !Number.isFinite(row[metric])).length,
    get size() {
      return size
    },
  }
}

/** One axis for several runs: each stage begins where the longest of its predecessors ended, so that rounds line up. */
export const alignedSpans = (logs: readonly MetricLog[]): StageSpan[] => spansOf(logs.map((log) => log.spans()))

/** As `alignedSpans`, of stages and their lengths. */
export function spansOf(runs: readonly (readonly { stage: string; steps: number }[])[]): StageSpan[] {
  const steps = new Map<string, number>()
  for (const run of runs) for (const span of run) steps.set(span.stage, Math.max(steps.get(span.stage) ?? 0, span.steps))
  const ordered = [...steps].sort(([a], [b]) => stageRank(a) - stageRank(b))
  let start = 0
  return ordered.map(([stage, length]) => {
    const span = { stage, start, steps: length }
    start += length
    return span
  })
}

const stageRank = (stage: string): number => Number(/^round-(\d+)/.exec(stage)?.[1] ?? 0)

/** `round-2/train` -> `round 2`; `warm-start/train` -> `warm start`. */
export function stageLabel(stage: string): string {
  const round = /^round-(\d+)/.exec(stage)?.[1]
  return round ? `round ${round}` : (stage.split('/')[0] ?? stage).replaceAll('-', ' ')
}
