/** A job's progress in a terminal: one line that updates, or a line per stage where output is not a terminal. */
import type { Job } from '../shared/types.ts'

const redrawMs = 100

export type JobLine = { show(job: Job): void; end(): void }

/** @param stream usually stderr: stdout belongs to results. */
export function jobLine(stream: NodeJS.WriteStream): JobLine {
  let lastStage = ''
  let lastDrawn = -Infinity
  const clear = () => {
    if (stream.isTTY) stream.write('\r\x1b[2K')
  }
  return {
    show(job) {
      const isNewStage = job.stage !== lastStage
      if (!isNewStage && (!stream.isTTY || performance.now() - lastDrawn < redrawMs)) return
      lastStage = job.stage
      lastDrawn = performance.now()
      if (!stream.isTTY) return void stream.write(`${job.title}: ${job.stage}\n`)
      clear()
      stream.write(describeJob(job).slice(0, Math.max(20, stream.columns - 1)))
    },
    end: clear,
  }
}

/** `drift/seed 2 · round-2/sample 318/512 · 41/s · 0:05 left` */
export function describeJob(job: Job): string {
  const parts = [job.title, job.total > 0 ? `${job.stage} ${job.done}/${job.total}` : job.stage]
  if (job.perSecond !== null) parts.push(`${job.perSecond >= 10 ? Math.round(job.perSecond) : job.perSecond.toFixed(1)}/s`)
  if (job.tokensPerSecond) parts.push(`${Math.round(job.tokensPerSecond)} tokens/s`)
  if (job.etaSeconds !== null) parts.push(`${clock(job.etaSeconds)} left`)
  return parts.filter((part) => part !== '').join(' · ')
}

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, '0')}`
