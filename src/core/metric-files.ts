/** A run's metric rows as files that other tools read. Rows come in the order in which they were measured. */
import type { MetricRow, RunStage } from '../shared/types.ts'
import { csvRow } from './csv.ts'
import { isSystem } from './run-time.ts'
import type { ScalarEvent } from './tensorboard.ts'

/** All metrics, a line per step. `global_step` counts on from stage to stage, apart for the reward model's own training. */
export function metricsCsv(rows: readonly MetricRow[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== 'stage' && name !== 'step')
  const lines = onOneAxis(rows).map(({ row, globalStep }) => csvRow([row.stage, row.step, globalStep, ...names.map((name) => row[name] ?? null)]))
  return csvRow(['stage', 'step', 'global_step', ...names]) + lines.join('')
}

/**
 * Under the tags of Transformers' TensorBoard callback: `train/loss`, `eval/loss`; those of the reward model's own
 * training under `reward/`, what a step took under `system/`. Figures that are not finite are left out. The journal has
 * no hour of a step: a stage's steps are spread evenly over its time.
 */
export function scalarEvents(rows: readonly MetricRow[], stages: readonly Pick<RunStage, 'key' | 'startedAt' | 'endedAt'>[]): ScalarEvent[] {
  const spans = new Map(stages.map(({ key, startedAt, endedAt }) => [key, { start: Date.parse(startedAt), end: Date.parse(endedAt ?? startedAt), steps: 1 }]))
  for (const { stage, step } of rows) {
    const span = spans.get(stage)
    if (span) span.steps = Math.max(span.steps, step)
  }
  return onOneAxis(rows).map(({ row: { stage, step, ...metrics }, globalStep }) => {
    const { start, end, steps } = spans.get(stage) ?? { start: 0, end: 0, steps: 1 }
    return { wallTime: (start + ((end - start) * step) / steps) / 1000, step: globalStep, values: Object.entries(metrics).flatMap(([name, value]) => (typeof value === 'number' && Number.isFinite(value) ? [[tagOf(stage, name), value] as const] : [])) }
  })
}

const isReward = (stage: string): boolean => stage.startsWith('reward/')
const tagOf = (stage: string, name: string): string => (isReward(stage) ? `reward/${name}` : isSystem(name) ? name : name.startsWith('eval_') ? `eval/${name.slice(5)}` : `train/${name}`)

function onOneAxis(rows: readonly MetricRow[]): { row: MetricRow; globalStep: number }[] {
  const at = { policy: { stage: '', start: 0, end: 0 }, reward: { stage: '', start: 0, end: 0 } }
  return rows.map((row) => {
    const axis = at[isReward(row.stage) ? 'reward' : 'policy']
    if (axis.stage !== row.stage) Object.assign(axis, { stage: row.stage, start: axis.end })
    axis.end = axis.start + row.step
    return { row, globalStep: axis.end }
  })
}
