/** The sweep of a race: its runs with their scores, and the choice that is made of them, once. */
import { sumLedgers } from '../core/comparison.ts'
import { mean } from '../core/statistics.ts'
import { bestCell, cellScore, edgesOf, gridCells, isTried } from '../core/sweep.ts'
import { isDivergence } from '../shared/divergence.ts'
import { type RaceFile, type Sweep, sweepGroup } from '../shared/race.ts'
import type { Run } from '../shared/types.ts'
import { BackendError } from './errors.ts'
import { readMembers, type RecipeText, sweepRunName, sweepTemperature } from './race-plan.ts'
import { runIdsOfGroup } from './storage/comparisons.ts'
import type { ReadableDb, WritableDb } from './storage/open.ts'
import { decideSweep, findSweep } from './storage/races.ts'
import { readLedger } from './storage/run-stages.ts'
import { requireRun } from './storage/runs.ts'

/** The decided sweep, or how far it is; null where the race has none. Needs nothing but its own rows: a capsule has no models. */
export function readSweep(db: ReadableDb, file: RaceFile, textOf: RecipeText): Sweep | null {
  if (file.sweep === undefined) return null
  const decided = findSweep(db, file.name)
  if (decided !== null) return decided
  const { dataset, seeds, grid } = file.sweep
  const { metric } = file.declared
  const temperature = sweepTemperature(file.declared)
  const runs = new Map(runIdsOfGroup(db, sweepGroup(file.name)).map((id) => requireRun(db, id)).map((run) => [run.name, run]))
  const scores = finalScores(db, [...runs.values()].filter(({ status }) => status === 'done').map(({ id }) => id), metric)
  const methods = readMembers(file, textOf).members.map(({ method }) => {
    const cells = gridCells(grid).map((setting) => {
      const tried = seeds.map((seed) => {
        const run = runs.get(sweepRunName(method, seed, setting))
        return { id: run?.id ?? null, seed, status: run?.status ?? null, diverged: run !== undefined && hasDiverged(run), score: run === undefined ? null : (scores.get(run.id) ?? null) }
      })
      return { setting, score: cellScore(tried.map(({ score }) => score)), runs: tried }
    })
    return { method, cells, chosen: null, edges: [], ledger: sumLedgers(cells.flatMap((cell) => cell.runs.flatMap(({ id }) => (id === null ? [] : [readLedger(db, id)])))) }
  })
  return { metric, temperature, dataset, seeds, grid, decidedAt: null, methods }
}

/**
 * Decides the sweep where all its runs have ended: done, diverged (no learning rate to choose), or cancelled by
 * somebody, which leaves a setting out too. Other failures wait for another try: the choice must not hang on a full
 * disk. The same runs give the same choice whenever and however often this is called.
 * @throws BackendError where a method has no setting left.
 */
export function settleSweep(db: WritableDb, file: RaceFile, textOf: RecipeText, now = new Date()): Sweep | null {
  const sweep = readSweep(db, file, textOf)
  if (sweep === null || sweep.decidedAt !== null || !hasEnded(sweep)) return sweep
  const methods = sweep.methods.map((method) => {
    const chosen = bestCell(method.cells)
    if (chosen === null) throw new BackendError('bad-input', `race ${file.name}: expected a setting of ${method.method} whose runs are all done, every one of them was cancelled or diverged. Resume the runs of one in the group "${sweepGroup(file.name)}"`)
    return { ...method, chosen, edges: edgesOf(sweep.grid, method.cells[chosen]!.setting) }
  })
  return decideSweep(db, file.name, { ...sweep, decidedAt: now.toISOString(), methods })
}

const hasEnded = ({ methods }: Sweep): boolean => methods.every(({ cells }) => cells.every(({ runs }) => runs.every(isTried)))
const hasDiverged = ({ status, error }: Run): boolean => status === 'failed' && error !== null && isDivergence(error)
/** Nothing more is to come of it: a cancelled setting was left out on purpose, a diverged one diverges again. */
export const isLeftOut = (run: Run): boolean => run.status === 'cancelled' || hasDiverged(run)

/** Of runs that are done: mean over requests, each a mean over its samples, after the last round. A sweep's run evaluates one dataset at one temperature. */
function finalScores(db: ReadableDb, runs: readonly string[], metric: Sweep['metric']): Map<string, number> {
  const rows = db.prepare(`SELECT e.run_id AS run, avg(e.${metric}) AS value FROM run_evaluations e JOIN runs r ON r.id = e.run_id AND r.rounds = e.round WHERE e.run_id IN (SELECT value FROM json_each(?)) GROUP BY e.run_id, e.prompt_index ORDER BY e.run_id, e.prompt_index`).all(JSON.stringify(runs)) as { run: string; value: number }[]
  return new Map([...Map.groupBy(rows, ({ run }) => run)].map(([run, of]) => [run, mean(of.map(({ value }) => value))]))
}
