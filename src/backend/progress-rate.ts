import type { Job } from '../shared/types.ts'

/** Tells a job's progress by stages, each with a rate of its own. */
export function stageProgress(change: (part: Partial<Job>) => void): (stage: string, done: number, total: number) => void {
  let present = ''
  let rate = progressRate()
  return (stage, done, total) => {
    if (stage !== present) rate = progressRate()
    present = stage
    change({ stage, done, total, ...rate(done, total) })
  }
}

/**
 * How many a second since the first telling, and how long the rest takes at that; null where it cannot be known yet.
 * The first telling counts for nothing: what a resumed import finds done was not done now.
 */
export function progressRate(now: () => number = () => performance.now()): (done: number, total: number) => { perSecond: number | null; etaSeconds: number | null } {
  let first: { done: number; at: number } | null = null
  return (done, total) => {
    first ??= { done, at: now() }
    const rate = (done - first.done) / ((now() - first.at) / 1000)
    return rate > 0 ? { perSecond: rate, etaSeconds: (total - done) / rate } : { perSecond: null, etaSeconds: null }
  }
}
