import { cpus } from 'node:os'
import { join } from 'node:path'
import { renderReport, type ReportParts } from '../../core/report.ts'
import type { Comparison } from '../../shared/comparison.ts'
import type { Handlers } from '../../shared/contract.ts'
import { explorationsOf } from '../comparisons/explorations.ts'
import { reportExploration } from '../comparisons/explore-runs.ts'
import { keptMethodGradients, methodGradients, methodsOfRuns } from '../comparisons/gradient-health.ts'
import { keptComparison, type KeepingWorkspace, markOfComparison, noEvaluation, readComparison, select, type Selection } from '../comparisons/read-comparison.ts'
import { keptStepCurves } from '../comparisons/step-curves.ts'
import { explorationThread } from '../comparisons/thread.ts'
import type { Session } from '../session.ts'
import { readAnswers, readBoard } from '../storage/boards.ts'
import { noneEvaluated, recipesOf } from '../storage/comparisons.ts'
import { writeWhole } from '../write-lines.ts'

const PROMPTS_IN_REPORT = 8

/** Writes the offline report; returns its absolute path. @param parts where they are made already: they take seconds */
export function writeReport(workspace: KeepingWorkspace & { path: string; exports: string }, selection: Selection, version: string, parts?: ReportParts): string {
  const folder = workspace.capsule === null ? workspace.runs : null
  const { comparison, runs } = readComparison(workspace.db, selection, folder)
  const { ids } = select(workspace.db, selection)
  const prompts = Math.min(comparison.evaluation.prompts, PROMPTS_IN_REPORT)
  const answers = Array.from({ length: prompts }, (_, index) => readAnswers(workspace.db, ids, { index }))
  const settings = recipesOf(workspace.db, runs.map((run) => run.id))
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
  const html = renderReport({ comparison, ...(parts ?? { exploration: reportExploration(workspace, ids), gradients: methodGradients(workspace.db, methodsOfRuns(workspace.db, ids), folder).methods }), answers, settings, version, machine, createdAt: new Date().toISOString().slice(0, 16).replace('T', ' ') })
  const name = `comparison-${(selection.group ?? runs.map((run) => run.id).join('-')).replace(/[^\w.-]+/g, '-').slice(0, 80)}.html`
  const file = join(workspace.exports, name)
  writeWhole(file, html)
  return file
}

const KEPT_COMPARISONS = 8

export function comparisonsApi(session: Session) {
  const { db, runs: folder, capsule } = session.workspace
  // Pages ask again with every push: who asks for the same waits for the same.
  const known = new Map<string, Promise<Comparison>>()
  const thread = explorationThread(session)
  const explorations = explorationsOf(session)
  const comparisonOf = async (input: Selection, mark: string): Promise<Comparison> => keptComparison(session.workspace, input, mark) ?? thread.perform('comparison', input, 'Comparing runs')
  return {
    'comparisons.get': (input) => {
      const { ids } = select(db, input)
      // Said at once, and as no failed job.
      if (noneEvaluated(db, ids)) throw noEvaluation(ids)
      const mark = markOfComparison(db, input)
      const comparison = known.get(mark) ?? comparisonOf(input, mark)
      known.delete(mark)
      known.set(mark, comparison)
      for (const old of [...known.keys()].slice(0, -KEPT_COMPARISONS)) known.delete(old)
      comparison.catch(() => known.delete(mark))
      return comparison
    },
    'comparisons.explore': (input) => explorations.explore(select(db, input).ids),
    'comparisons.curves': ({ metric, smoothing, axis, ...selection }) => {
      const input = { runs: select(db, selection).ids, metric, smoothing, axis }
      // Starting the thread takes longer than reading what is kept.
      return (capsule === null ? keptStepCurves(db, input, folder) : null) ?? thread.perform('curves', input, `Reading ${metric} of every step`)
    },
    'comparisons.gradients': (input) => (capsule === null ? keptMethodGradients(db, input, folder) : null) ?? thread.perform('gradients', input, 'Reading the gradients of every step'),
    'comparisons.lineage': (input) => thread.perform('lineage', input),
    'comparisons.prompts': (input) => readBoard(db, select(db, input).ids, input),
    'comparisons.answers': (input) => readAnswers(db, select(db, input).ids, input),
    async 'comparisons.report'(input) {
      const path = writeReport(session.workspace, input, session.version, await explorations.reportParts(select(db, input).ids))
      return { path, url: `/exports/${encodeURIComponent(path.slice(session.workspace.exports.length + 1))}` }
    },
  } satisfies Pick<Handlers, 'comparisons.get' | 'comparisons.explore' | 'comparisons.lineage' | 'comparisons.curves' | 'comparisons.gradients' | 'comparisons.prompts' | 'comparisons.answers' | 'comparisons.report'>
}
