import type { Run } from '../../../shared/types.ts'

/** The group of the run made last, of those that belong to one. */
export function newestGroup(runs: readonly Run[]): string | null {
  return runs.filter((run) => run.group !== null).reduce<Run | null>((newest, run) => (newest && newest.createdAt >= run.createdAt ? newest : run), null)?.group ?? null
}
