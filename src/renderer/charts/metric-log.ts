/**
 * The metric rows of one run, on one axis: steps, seconds or tokens across stages, warm start first, then round by round.
 * Plain arrays outside Vue's reactivity; whoever draws asks for a series when told that rows came in.
 */
import type { MetricRow } from '../../shared/types.ts'
import type { Point } from '../../core/decimate.ts'
import { SYSTEM } from '../../core/run-time.ts'
import type { CurveAxis } from '../../shared/comparison.ts'

/** Of a stage, in steps, seconds or tokens: where it begins (the step before its first one) and how far it goes. */
export type StageSpan = { stage: string; start: number; extent: number }

export type MetricLog = {
  /** A row of a step already seen replaces it: a resumed stage repeats the steps since its last checkpoint. */
  append(rows: readonly MetricRow[]): void
  /** Stages behind one another. In time: from the run's first step, with what it did between them. @param before seconds of work before each stage (`secondsBefore`); time needs them */
  spans(axis?: CurveAxis, before?: ReadonlyMap<string, number>): StageSpan[]
  /** Place against value; `on` places stages as `spans` or `alignedSpans` says. Missing and non-finite figures are gaps; a step without a place on the axis is left out. */
  series(metric: string, on?: readonly StageSpan[], axis?: CurveAxis): Point[]
  /** Whether any step has a place on the axis: earlier versions kept no times, other trainers may count no tokens. */
  has(axis: CurveAxis): boolean
  /** How many figures of a metric were not finite (NaN or infinite). */
  broken(metric: string): number
  /** All that was measured, in alphabetical order. */
  metrics(): string[]
  readonly size: number
}

export function createMetricLog(): MetricLog {
  const stages = new Map<string, MetricRow[]>()
  let size = 0

  const spans = (axis: CurveAxis = 'step', before: ReadonlyMap<string, number> = new Map()): StageSpan[] => {
    const ordered = [...stages].sort(([a], [b]) => stageRank(a) - stageRank(b)).flatMap(([stage, rows]) => {
      const [first, last] = [rows.find((row) => placeOf(row, axis) !== null), rows.findLast((row) => placeOf(row, axis) !== null)]
      return first && last ? [{ stage, first: placeOf(first, axis)!, extent: placeOf(last, axis)! }] : []
    })
    let end = axis === 'time' && ordered[0] ? -(before.get(ordered[0].stage) ?? 0) - ordered[0].first : 0
    const zero = end
    return ordered.map(({ stage, extent }) => {
      const start = axis === 'time' ? zero + (before.get(stage) ?? 0) : end
      end = start + extent
      return { stage, start, extent }
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
    series(metric, on = spans(), axis = 'step') {
      return on.flatMap(({ stage, start }) =>
        (stages.get(stage) ?? []).flatMap((row): Point[] => {
          const [place, value] = [placeOf(row, axis), row[metric]]
          return place === null ? [] : [[start + place, typeof value === 'number' && Number.isFinite(value) ? value : null]]
        }),
      )
    },
    has: (axis) => [...stages.values()].flat().some((row) => placeOf(row, axis) !== null),
    broken: (metric) => [...stages.values()].flat().filter((row) => metric in row && !Number.isFinite(row[metric])).length,
    metrics: () => [...new Set([...stages.values()].flat().flatMap(Object.keys))].filter((key) => key !== 'stage' && key !== 'step').sort(),
    get size() {
      return size
    },
  }
}

/** Within its stage. */
function placeOf(row: MetricRow, axis: CurveAxis): number | null {
  const place = axis === 'step' ? row.step : row[axis === 'time' ? SYSTEM.seconds : 'num_tokens']
  return typeof place === 'number' ? place : null
}

/** One axis for several runs: each stage begins where the longest of its predecessors ended, so that rounds line up. */
export const alignedSpans = (logs: readonly MetricLog[]): StageSpan[] => spansOf(logs.map((log) => log.spans()))

/** As `alignedSpans`, of stages and their lengths. */
export function spansOf(runs: readonly (readonly Pick<StageSpan, 'stage' | 'extent'>[])[]): StageSpan[] {
  const extents = new Map<string, number>()
  for (const run of runs) for (const span of run) extents.set(span.stage, Math.max(extents.get(span.stage) ?? 0, span.extent))
  const ordered = [...extents].sort(([a], [b]) => stageRank(a) - stageRank(b))
  let start = 0
  return ordered.map(([stage, extent]) => {
    const span = { stage, start, extent }
    start += extent
    return span
  })
}

const stageRank = (stage: string): number => Number(/^round-(\d+)/.exec(stage)?.[1] ?? 0)

/** `round-2/train` -> `round 2`; `warm-start/train` -> `warm start`. */
export function stageLabel(stage: string): string {
  const round = /^round-(\d+)/.exec(stage)?.[1]
  return round ? `round ${round}` : (stage.split('/')[0] ?? stage).replaceAll('-', ' ')
}
