import { cpus } from 'node:os'
import { join } from 'node:path'
import { type ComparedRun, compareRuns } from '../../core/comparison.ts'
import { renderReport } from '../../core/report.ts'
import type { Comparison, PromptBoard } from '../../shared/comparison.ts'
import type { Handlers, ParsedInput } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { answersOf, comparedRuns, declarationOf, probeOf, recipesOf, runIdsOfGroup } from '../storage/comparisons.ts'
import { readDatasetRows } from '../storage/datasets.ts'
import type { ReadableDb } from '../storage/open.ts'
import type { PromptRow } from '../../shared/types.ts'
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
  const comparison = compareRuns(runs, { group, title: group ?? ids.join(', '), ...evaluation, probe: probeOf(db, evaluation.dataset), declared: declarationOf(db, group) })
  return { comparison, runs }
}

export function readBoard(db: ReadableDb, input: ParsedInput<'comparisons.prompts'>): PromptBoard {
  const { ids } = select(db, input)
  const { runs, evaluation } = comparedRuns(db, ids)
  const seeds = [...new Set(runs.map((run) => run.seed))].sort((a, b) => a - b)
  const seed = input.seed ?? seeds[0]
  if (evaluation === null || seed === undefined) return { total: 0, seeds, seed: 0, rows: [] }
  const prompts = readDatasetRows<PromptRow>(db, evaluation.dataset)
  const cells = answersOf(db, runs.filter((run) => run.seed === seed), Math.max(...evaluation.temperatures))
  const rows = prompts.map(({ prompt }, index): PromptBoard['rows'][number] => {
    const own = cells.get(index) ?? []
    const base = own.find((cell) => cell.method === 'base')
    const last = own.filter((cell) => cell.method !== 'base' && cell.method !== 'warm-start')
    const changes = base ? last.map((cell) => cell.score - base.score) : []
    return { index, prompt, cells: own, harm: Math.max(0, ...changes.map((change) => -change)), gain: Math.max(0, ...changes) }
  })
  if (input.sort === 'harm') rows.sort((a, b) => b.harm - a.harm)
  if (input.sort === 'gain') rows.sort((a, b) => b.gain - a.gain)
  return { total: rows.length, seeds, seed, rows: rows.slice(input.offset, input.offset + input.limit) }
}

/** Writes the offline report; returns its absolute path. */
export function writeReport(workspace: { path: string; exports: string; db: ReadableDb }, selection: Selection, version: string): string {
  const { comparison, runs } = readComparison(workspace.db, selection)
  const board = readBoard(workspace.db, { ...selection, sort: 'index', offset: 0, limit: 8 })
  const settings = recipesOf(workspace.db, runs.map((run) => run.id))
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
  const html = renderReport({ comparison, board, settings, version, machine, createdAt: new Date().toISOString().slice(0, 16).replace('T', ' ') })
  const name = `comparison-${(selection.group ?? runs.map((run) => run.id).join('-')).replace(/[^\w.-]+/g, '-').slice(0, 80)}.html`
  const file = join(workspace.exports, name)
  writeWhole(file, html)
  return file
}

/** What a comparison is made from, in one cheap query: the same answer means the same comparison. */
function stateOf(db: ReadableDb, ids: readonly string[]): string {
  const marks = ids.map(() => '?').join(', ')
  const runs = db.prepare(`SELECT group_concat(id || status || round, ' ') FROM runs WHERE id IN (${marks})`).pluck().get(...ids) as string | null
  const rows = db.prepare(`SELECT count(*) FROM run_evaluations WHERE run_id IN (${marks})`).pluck().get(...ids) as number
  return `${runs}/${rows}`
}

const KEPT_COMPARISONS = 8

export function comparisonsApi(session: Session) {
  const { db } = session.workspace
  // The bootstrap takes a second or so; pages ask again on every visit.
  const kept = new Map<string, Comparison>()
  return {
    'comparisons.get': (input) => {
      const key = JSON.stringify([input.group, input.runs, stateOf(db, select(db, input).ids)])
      const comparison = kept.get(key) ?? readComparison(db, input).comparison
      kept.delete(key)
      kept.set(key, comparison)
      for (const old of [...kept.keys()].slice(0, -KEPT_COMPARISONS)) kept.delete(old)
      return comparison
    },
    'comparisons.prompts': (input) => readBoard(db, input),
    'comparisons.report': (input) => {
      const path = writeReport(session.workspace, input, session.version)
      return { path, url: `/exports/${encodeURIComponent(path.slice(session.workspace.exports.length + 1))}` }
    },
  } satisfies Pick<Handlers, 'comparisons.get' | 'comparisons.prompts' | 'comparisons.report'>
}
