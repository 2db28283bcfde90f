/** What was found in runs, looked through in the session's thread: for the page, for the report, for a capsule's. */
import type { ReportExploration, ReportParts } from '../../core/report.ts'
import type { Exploration } from '../../shared/comparison.ts'
import { perSession, type Session } from '../session.ts'
import { stateOfRuns } from '../storage/comparisons.ts'
import { keptMethodGradients, methodsOfRuns } from './gradient-health.ts'
import { explorationThread } from './thread.ts'

/** The explorations of a session. */
export const explorationsOf = perSession(keepExplorations)

function keepExplorations(session: Session) {
  const thread = explorationThread(session)
  /** The newest alone: megabytes. */
  let kept: { key: string; exploration: Exploration } | null = null
  const keyOf = (ids: readonly string[]): string => JSON.stringify([ids, stateOfRuns(session.workspace.db, ids)])
  const find = (key: string): Exploration | null => (kept?.key === key ? kept.exploration : null)
  /** That which is at hand, else made for the report. */
  async function reported(ids: string[]): Promise<ReportExploration | null> {
    const known = find(keyOf(ids))
    // Without a finished last round it names no methods, and its points count in them.
    if (known === null || known.methods.length === 0) return thread.perform('reported', { runs: ids }, 'Looking through the answers for the report')
    const { embedding, map, ...figures } = known
    return { embedding, methods: known.methods.map(({ key }) => key), map, figures }
  }
  return {
    async explore(ids: string[]): Promise<Exploration> {
      const key = keyOf(ids)
      const exploration = find(key) ?? (await thread.perform('explore', { runs: ids }, `Looking through the answers of ${ids.length} runs`))
      kept = { key, exploration }
      return exploration
    },
    async reportParts(ids: string[]): Promise<ReportParts> {
      const { db, runs, capsule } = session.workspace
      const input = methodsOfRuns(db, ids)
      const { methods } = (capsule === null ? keptMethodGradients(db, input, runs) : null) ?? (await thread.perform('gradients', input, 'Reading the gradients of every step'))
      return { exploration: await reported(ids), gradients: methods }
    },
  }
}
