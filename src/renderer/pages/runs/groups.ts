import type { Run } from '../../../shared/types.ts'

/** The group of the run made last, of those that belong to one. */
export function newestGroup(runs: readonly Run[]): string | null {
  return runs.filter((run) => run.group !== null).reduce<Run | null>((newest, run) => (newest && newest.createdAt >= run.createdAt ? newest : run), null)?.group ?? null
}

/** Wall time of a run; up to `now` where it still goes. null before it started. */
export function secondsOf(run: Pick<Run, 'startedAt' | 'endedAt'>, now: number): number | null {
  if (run.startedAt === null) return null
  return Math.max(0, ((run.endedAt === null ? now : Date.parse(run.endedAt)) - Date.parse(run.startedAt)) / 1000)
}
