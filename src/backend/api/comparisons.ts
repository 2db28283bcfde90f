import { cpus } from 'node:os'
import { join } from 'node:path'
import { type ComparedRun, compareRuns } from '../../core/comparison.ts'
import { renderReport, type ReportMap } from '../../core/report.ts'
import type { Comparison } from '../../shared/comparison.ts'
import type { Handlers } from '../../shared/contract.ts'
import { explorationsOf } from '../comparisons/explorations.ts'
import { mapRuns } from '../comparisons/explore-runs.ts'
import { explorationThread } from '../comparisons/thread.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { readAnswers, readBoard } from '../storage/boards.ts'
import { comparedRuns, probeOf, recipesOf, runIdsOfGroup, stateOfRuns } from '../storage/comparisons.ts'
import type { ReadableDb } from '../storage/open.ts'
import { findRace, findSweep } from '../storage/races.ts'
import { writeWhole } from '../write-lines.ts'

type Selection = { runs?: string[] | undefined; group?: string | undefined }

/** Runs by name, or all of a group; they must share one evaluation. */
function select(db: ReadableDb, { runs, group }: Selection): { ids: string[]; group: string | null } {
  const ids = runs ?? (group === undefined ? [] : runIdsOfGroup(db, group))
  if (ids.length === 0) throw new BackendError('not-found', `comparison: expected run ids or the name of a group that has runs, got ${group === undefined ? 'neither' : `group "${group}"`}. \`drift runs\` lists what there is.`)
  return { ids, group: group ?? null }
}

export function readComparison(db: ReadableDb, selection: Selection): { comparison: Comparison; runs: ComparedRun[] } {
  const { ids, group } = select(db, selection)
  const { runs, evaluation } = comparedRuns(db, ids)
  if (evaluation === null) throw new BackendError('bad-input', `comparison of ${ids.join(', ')}: expected runs with an evaluation, but their recipes have none. Add \`evaluation:\` to the recipe.`)
  const comparison = compareRuns(runs, { group, title: group ?? ids.join(', '), ...evaluation, probe: probeOf(db, evaluation.dataset), race: raceOf(db, group) })
  return { comparison, runs }
}

function raceOf(db: ReadableDb, group: string | null) {
  const race = group === null ? null : findRace(db, group)
  return race && { declared: race.declared, regime: race.regime, sweep: findSweep(db, race.name) }
}

const PROMPTS_IN_REPORT = 8

/** Writes the offline report; returns its absolute path. @param map where it is made already: laying it out takes seconds */
export function writeReport(workspace: { path: string; exports: string; db: ReadableDb }, selection: Selection, version: string, map?: ReportMap | null): string {
  const { comparison, runs } = readComparison(workspace.db, selection)
  const { ids } = select(workspace.db, selection)
  const prompts = Math.min(comparison.evaluation.prompts, PROMPTS_IN_REPORT)
  const answers = Array.from({ length: prompts }, (_, index) => readAnswers(workspace.db, ids, { index }))
  const settings = recipesOf(workspace.db, runs.map((run) => run.id))
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
  const html = renderReport({ comparison, map: map === undefined ? mapRuns(workspace.db, ids) : map, answers, settings, version, machine, createdAt: new Date().toISOString().slice(0, 16).replace('T', ' ') })
  const name = `comparison-${(selection.group ?? runs.map((run) => run.id).join('-')).replace(/[^\w.-]+/g, '-').slice(0, 80)}.html`
  const file = join(workspace.exports, name)
  writeWhole(file, html)
  return file
}

const KEPT_COMPARISONS = 8

export function comparisonsApi(session: Session) {
  const { db } = session.workspace
  // The bootstrap takes a second or so; pages ask again on every visit.
  const kept = new Map<string, Comparison>()
  const explorations = explorationsOf(session)
  return {
    'comparisons.get': (input) => {
      const key = JSON.stringify([input.group, input.runs, stateOfRuns(db, select(db, input).ids)])
      const comparison = kept.get(key) ?? readComparison(db, input).comparison
      kept.delete(key)
      kept.set(key, comparison)
      for (const old of [...kept.keys()].slice(0, -KEPT_COMPARISONS)) kept.delete(old)
      return comparison
    },
    'comparisons.explore': (input) => explorations.explore(select(db, input).ids),
    'comparisons.curves': ({ metric, smoothing, ...input }) => explorationThread(session).perform('curves', { runs: select(db, input).ids, metric, smoothing }, `Reading ${metric} of every step`),
    'comparisons.lineage': (input) => explorationThread(session).perform('lineage', input),
    'comparisons.prompts': (input) => readBoard(db, select(db, input).ids, input),
    'comparisons.answers': (input) => readAnswers(db, select(db, input).ids, input),
    async 'comparisons.report'(input) {
      const path = writeReport(session.workspace, input, session.version, await explorations.map(select(db, input).ids))
      return { path, url: `/exports/${encodeURIComponent(path.slice(session.workspace.exports.length + 1))}` }
    },
  } satisfies Pick<Handlers, 'comparisons.get' | 'comparisons.explore' | 'comparisons.lineage' | 'comparisons.curves' | 'comparisons.prompts' | 'comparisons.answers' | 'comparisons.report'>
}
