/** What was found in runs, looked through in the session's thread: for the page, for the report, for a capsule's. */
import type { ReportMap } from '../../core/report.ts'
import type { Exploration } from '../../shared/comparison.ts'
import { perSession, type Session } from '../session.ts'
import { stateOfRuns } from '../storage/comparisons.ts'
import { explorationThread } from './thread.ts'

/** The explorations of a session. */
export const explorationsOf = perSession(keepExplorations)

function keepExplorations(session: Session) {
  const thread = explorationThread(session)
  /** The newest alone: megabytes. */
  let kept: { key: string; exploration: Exploration } | null = null
  const keyOf = (ids: readonly string[]): string => JSON.stringify([ids, stateOfRuns(session.workspace.db, ids)])
  const find = (key: string): Exploration | null => (kept?.key === key ? kept.exploration : null)
  return {
    async explore(ids: string[]): Promise<Exploration> {
      const key = keyOf(ids)
      const exploration = find(key) ?? (await thread.perform('explore', { runs: ids }, `Looking through the answers of ${ids.length} runs`))
      kept = { key, exploration }
      return exploration
    },
    /** The map alone, which takes seconds to lay out; that of the exploration where it is at hand. */
    async map(ids: string[]): Promise<ReportMap | null> {
      const known = find(keyOf(ids))
      // Without a finished last round it names no methods, and its points count in them.
      if (known !== null && known.methods.length > 0) return { embedding: known.embedding, methods: known.methods.map(({ key }) => key), map: known.map }
      return thread.perform('map', { runs: ids }, 'Laying out the map of the report')
    },
  }
}
