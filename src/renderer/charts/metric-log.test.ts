import { describe, expect, it } from 'vitest'
import { alignedSpans, createMetricLog, stageLabel } from './metric-log.ts'

describe('createMetricLog', () => {
  it('puts stages behind one another on a global step', () => {
    const log = createMetricLog()
    log.append([{ stage: 'warm-start/train', step: 1, loss: 0.7 }, { stage: 'warm-start/train', step: 2, loss: 0.6 }, { stage: 'round-1/train', step: 1, loss: 0.69 }])
    expect(log.series('loss')).toEqual([[1, 0.7], [2, 0.6], [3, 0.69]])
    expect(log.spans()).toEqual([{ stage: 'warm-start/train', start: 0, extent: 2 }, { stage: 'round-1/train', start: 2, extent: 1 }])
  })

  it('replaces a step that a resumed stage repeats', () => {
    const log = createMetricLog()
    log.append([1, 2, 3].map((step) => ({ stage: 'a', step, loss: step })))
    log.append([{ stage: 'a', step: 2, loss: 20 }, { stage: 'a', step: 3, loss: 30 }])
    expect(log.series('loss').map(([, y]) => y)).toEqual([1, 20, 30])
    expect(log.size).toBe(3)
  })

  it('shows missing and broken figures as gaps and counts the broken ones', () => {
    const log = createMetricLog()
    log.append([{ stage: 'a', step: 1, loss: Number.NaN }, { stage: 'a', step: 2 }, { stage: 'a', step: 3, loss: 'NaN' }, { stage: 'a', step: 4, loss: 1 }])
    expect(log.series('loss').map(([, y]) => y)).toEqual([null, null, null, 1])
    expect(log.broken('loss')).toBe(2)
  })

  it('names all that was measured at any step', () => {
    const log = createMetricLog()
    log.append([{ stage: 'a', step: 1, loss: 1 }, { stage: 'a', step: 2, loss: 1, eval_loss: 2 }])
    expect(log.metrics()).toEqual(['eval_loss', 'loss'])
  })
})

describe('in time', () => {
  const timed = (stage: string, step: number, seconds: number) => ({ stage, step, loss: step, num_tokens: 100 * step, 'system/seconds': seconds })
  const log = createMetricLog()
  log.append([timed('warm-start/train', 1, 3), timed('warm-start/train', 2, 4), timed('round-1/train', 1, 2), timed('round-1/train', 2, 5)])
  // Sampling took 20 s between them.
  const before = new Map([['warm-start/train', 10], ['round-1/train', 34]])

  it('the first step lies at 0, and work between stages counts', () => {
    const spans = log.spans('time', before)
    expect(spans).toEqual([{ stage: 'warm-start/train', start: -3, extent: 4 }, { stage: 'round-1/train', start: 21, extent: 5 }])
    expect(log.series('loss', spans, 'time')).toEqual([[0, 1], [1, 2], [23, 1], [26, 2]])
  })

  it('tokens go on from stage to stage', () => {
    expect(log.series('loss', log.spans('tokens'), 'tokens').map(([x]) => x)).toEqual([100, 200, 300, 400])
  })

  it('steps whose time was not kept have no place', () => {
    const old = createMetricLog()
    old.append([{ stage: 'round-1/train', step: 1, loss: 1 }, timed('round-1/train', 2, 5)])
    expect(old.series('loss', old.spans('time', before), 'time')).toEqual([[0, 2]])
    expect([log.has('time'), old.has('tokens'), createMetricLog().has('time')]).toEqual([true, true, false])
  })
})

it('alignedSpans lines rounds up over runs of different lengths and orders them', () => {
  const [short, long] = [createMetricLog(), createMetricLog()]
  short.append([{ stage: 'round-1/train', step: 30 }, { stage: 'round-2/train', step: 28 }])
  long.append([{ stage: 'warm-start/train', step: 20 }, { stage: 'round-1/train', step: 32 }])
  expect(alignedSpans([short, long])).toEqual([
    { stage: 'warm-start/train', start: 0, extent: 20 },
    { stage: 'round-1/train', start: 20, extent: 32 },
    { stage: 'round-2/train', start: 52, extent: 28 },
  ])
  expect(short.series('x', alignedSpans([short, long])).map(([x]) => x)).toEqual([50, 80])
})

it('names stages in words', () => {
  expect(['warm-start/train', 'round-2/train', 'reward/train'].map(stageLabel)).toEqual(['warm start', 'round 2', 'reward'])
})
