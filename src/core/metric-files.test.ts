import { describe, expect, it } from 'vitest'
import type { MetricRow } from '../shared/types.ts'
import { metricsCsv, scalarEvents } from './metric-files.ts'

const rows: MetricRow[] = [
  { stage: 'warm-start/train', step: 1, loss: 0.7 },
  { stage: 'warm-start/train', step: 2, loss: 0.6 },
  { stage: 'reward/train', step: 1, loss: 3 },
  { stage: 'round-1/train', step: 1, loss: 0.5, 'eval_rewards/margins': 0.25 },
  { stage: 'round-1/train', step: 2, loss: Number.NaN },
]
const stages = [
  { key: 'warm-start/train', startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:00:10Z' },
  { key: 'reward/train', startedAt: '2026-01-01T00:00:10Z', endedAt: '2026-01-01T00:00:20Z' },
  { key: 'round-1/train', startedAt: '2026-01-01T00:01:00Z', endedAt: null },
]

describe('metrics as scalars', () => {
  it('count on from stage to stage, the reward model apart, under the tags of Transformers', () => {
    expect(scalarEvents(rows, stages).map(({ step, values }) => [step, values])).toEqual([
      [1, [['train/loss', 0.7]]],
      [2, [['train/loss', 0.6]]],
      [1, [['reward/loss', 3]]],
      [3, [['train/loss', 0.5], ['eval/rewards/margins', 0.25]]],
      [4, []],
    ])
  })

  it('tag what a step took apart from what it measured', () => {
    expect(scalarEvents([{ stage: 'round-1/train', step: 1, loss: 0.5, 'system/memory_bytes': 5e8 }], stages)[0]!.values).toEqual([['train/loss', 0.5], ['system/memory_bytes', 5e8]])
  })

  it('spread over the time of their stage', () => {
    const start = Date.parse('2026-01-01T00:00:00Z') / 1000
    expect(scalarEvents(rows, stages).map(({ wallTime }) => wallTime - start)).toEqual([5, 10, 20, 60, 60])
  })
})

it('metrics as CSV are a line per step, with every metric that any of them has', () => {
  expect(metricsCsv(rows).split('\r\n')).toEqual([
    'stage,step,global_step,loss,eval_rewards/margins',
    'warm-start/train,1,1,0.7,',
    'warm-start/train,2,2,0.6,',
    'reward/train,1,1,3,',
    'round-1/train,1,3,0.5,0.25',
    'round-1/train,2,4,NaN,',
    '',
  ])
})
