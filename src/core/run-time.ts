/** What a training step took beside what it measured: names of the figures, and the seconds of a run they lie at. */
import type { RunStage } from '../shared/types.ts'

/**
 * Figures of a step that machine and chance decide; a run that is killed and continued has others, so that nothing
 * compares them. `seconds`: of its stage's work up to the step's end, pauses left out. `tokensPerSecond`: the step's
 * tokens by its own time, without canaries and checkpoints. `memoryBytes`: held when it ended, resident memory of the
 * process that computes; of the torch engine on a GPU what it has allocated there.
 */
export const SYSTEM = { seconds: 'system/seconds', tokensPerSecond: 'system/tokens_per_second', memoryBytes: 'system/memory_bytes' } as const

export const isSystem = (metric: string): boolean => metric.startsWith('system/')

/** Seconds of work before each stage, by its key; a stage that was taken over counts what it took where it was computed. @param stages in their order */
export function secondsBefore(stages: readonly Pick<RunStage, 'key' | 'seconds'>[]): Map<string, number> {
  let before = 0
  return new Map(stages.map(({ key, seconds }) => {
    const own = before
    before += seconds ?? 0
    return [key, own]
  }))
}
