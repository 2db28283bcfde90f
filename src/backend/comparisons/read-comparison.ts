/** The comparison of runs: made from all their samples, and kept until one of them gains rows. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type ComparedRun, compareRuns } from '../../core/comparison.ts'
import type { Comparison } from '../../shared/comparison.ts'
import { BackendError } from '../errors.ts'
import { forgetOldest, keep, readKept } from '../kept.ts'
import { comparedRuns, probeOf, runIdsOfGroup, stateOfRuns } from '../storage/comparisons.ts'
import type { ReadableDb, Workspace } from '../storage/open.ts'
import { findRace, findSweep } from '../storage/races.ts'
import { markOfRows } from '../storage/run-stages.ts'

export type Selection = { runs?: string[] | undefined; group?: string | undefined }
/** `runs`: folder of the runs; nothing is kept in an opened capsule. */
export type KeepingWorkspace = Pick<Workspace, 'db' | 'runs' | 'capsule'>

/** Part of a comparison's mark: raise it when a comparison of the same rows has other figures or words. */
const EDITION = 3
/** So many comparisons are kept, the newest. */
const KEPT = 32

/** Runs by name, or all of a group; they must share one evaluation. */
export function select(db: ReadableDb, { runs, group }: Selection): { ids: string[]; group: string | null } {
  const ids = runs ?? (group === undefined ? [] : runIdsOfGroup(db, group))
  if (ids.length === 0) throw new BackendError('not-found', `comparison: expected run ids or the name of a group that has runs, got ${group === undefined ? 'neither' : `group "${group}"`}. \`drift runs\` lists what there is.`)
  return { ids, group: group ?? null }
}

/** How they trained can be looked at all the same. */
export const noEvaluation = (ids: readonly string[]): BackendError => new BackendError('no-evaluation', `comparison of ${ids.join(', ')}: expected runs with an evaluation, but their recipes have none. Add \`evaluation:\` to the recipe.`)

/** @param folder of the runs, where what was derived from a run's steps is kept; null keeps nothing */
export function readComparison(db: ReadableDb, selection: Selection, folder: string | null = null): { comparison: Comparison; runs: ComparedRun[] } {
  const { ids, group } = select(db, selection)
  const { runs, evaluation } = comparedRuns(db, ids, folder)
  if (evaluation === null) throw noEvaluation(ids)
  const comparison = compareRuns(runs, { group, title: group ?? ids.join(', '), ...evaluation, probe: probeOf(db, evaluation.dataset), race: raceOf(db, group) })
  return { comparison, runs }
}

function raceOf(db: ReadableDb, group: string | null) {
  const race = group === null ? null : findRace(db, group)
  return race && { declared: race.declared, regime: race.regime, sweep: findSweep(db, race.name) }
}

/** What a comparison is made from: the same mark means the same comparison. */
export function markOfComparison(db: ReadableDb, selection: Selection): string {
  const { ids, group } = select(db, selection)
  const ofRows = markOfRows(db)
  return createHash('sha256').update(JSON.stringify([EDITION, group, ids, stateOfRuns(db, ids), ids.map(ofRows), raceOf(db, group)])).digest('hex')
}

const folderOf = (runs: string): string => join(runs, '.comparisons')
const fileOf = (runs: string, { group, runs: ids }: Selection): string => join(folderOf(runs), `${createHash('sha256').update(JSON.stringify([group ?? null, ids ?? null])).digest('hex').slice(0, 16)}.json`)

/** @returns null where it is not kept, or a run has gained rows since. */
export const keptComparison = ({ runs, capsule }: KeepingWorkspace, selection: Selection, mark: string): Comparison | null => (capsule === null ? readKept(fileOf(runs, selection), mark) : null)

/** As it is kept, or made now: whoever asks second finds what the first has made. */
export const keptOrMade = (workspace: KeepingWorkspace, selection: Selection): Comparison => keptComparison(workspace, selection, markOfComparison(workspace.db, selection)) ?? makeComparison(workspace, selection)

/** Makes the comparison and keeps it. */
export function makeComparison({ db, runs, capsule }: KeepingWorkspace, selection: Selection): Comparison {
  const folder = capsule === null ? runs : null
  // Of before the reading: rows that come meanwhile make it count for nothing, not for more than it is.
  const mark = markOfComparison(db, selection)
  const { comparison } = readComparison(db, selection, folder)
  if (folder === null) return comparison
  keep(fileOf(folder, selection), mark, comparison)
  forgetOldest(folderOf(folder), KEPT)
  return comparison
}
