/**
 * What a race costs beyond its work, on the built-in experiment's tiny base in one lane: three methods from the first
 * start to the last end beside what their stages spent on sampling, training and evaluating, and runs with the monitors
 * of a round's end beside runs without, at the experiment's round and at one as large as the paper's: the monitors' cost
 * does not grow with the pairs of a round, all else does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { demoRecipe, FULL } from '../src/backend/demo/settings.ts'
import { type Backend, openBackend } from '../src/backend/index.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { finishRuns, type Planned } from '../scripts/finish-runs.ts'
import { type Figure, median } from './figure.ts'

const METHODS = ['drift', 'spin', 'iterative-dpo'] as const
/** Runs with and without monitors, in turn. */
const TURNS = 3

export async function* measureRace({ seed }: { seed: number }): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const path = join(home, 'workspace')
  try {
    const workspace = openWorkspace(path)
    await prepareDemo(workspace, { seeds: [seed], size: FULL, methods: [] })
    workspace.close()
    const backend = await openBackend({ workspace: path, host: 'cli' })
    try {
      yield await raceFigure(backend, seed)
      yield* monitorFigures(backend, seed)
    } finally {
      await backend.close()
    }
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

const recipeOf = (method: (typeof METHODS)[number], seed: number): Record<string, unknown> => parse(demoRecipe(method, seed, FULL)) as Record<string, unknown>

/** The paper's rounds: about 4,000 rows in its controlled setting. */
const LARGE = { pairs: 4096, iterations: 1 }

/** Seconds of the run's own stages, by kind; a probe is a kind of its own. @param from of these rounds on; the base's is -1, the warm start's 0 */
async function secondsOf(backend: Backend, one: Planned, from = -1): Promise<Record<string, number>> {
  const run = [...(await finishRuns(backend, [one], () => true, () => {})).values()][0]!
  const seconds: Record<string, number> = {}
  for (const { key, kind, round, reusedFrom, seconds: of } of (await backend.call('runs.get', { id: run.id })).stages) {
    const name = key.endsWith('/probe') ? 'probe' : kind
    if (reusedFrom === null && round >= from) seconds[name] = (seconds[name] ?? 0) + of!
  }
  return seconds
}

const total = (seconds: Record<string, number>): number => Object.values(seconds).reduce((sum, one) => sum + one, 0)
const shown = (seconds: Record<string, number>): string => Object.entries(seconds).map(([kind, of]) => `${kind} ${of.toFixed(1)}`).join(', ')

async function raceFigure(backend: Backend, seed: number): Promise<Figure> {
  const started = performance.now()
  const seconds: Record<string, number> = {}
  for (const method of METHODS) for (const [kind, of] of Object.entries(await secondsOf(backend, { name: method, group: 'race', recipe: recipeOf(method, seed) }))) seconds[kind] = (seconds[kind] ?? 0) + of
  const wall = (performance.now() - started) / 1000
  return { name: 'three methods, one lane, over their stages', measured: wall / total(seconds), atMost: 1.1, unit: 'x', detail: `${wall.toFixed(1)} s in all, one run; ${shown(seconds)} s` }
}

/** Without held-out pairs there is neither probe nor held-out margin. Seeds differ, or stages would be taken over. */
async function* monitorFigures(backend: Backend, seed: number): AsyncGenerator<Figure> {
  const runOf = (turn: number, isWatched: boolean, changes: Record<string, unknown> = {}, from = -1): Promise<Record<string, number>> => {
    const recipe = recipeOf('drift', seed)
    const [evaluation] = recipe['evaluation'] as Record<string, unknown>[]
    return secondsOf(backend, { name: `${isWatched ? 'watched' : 'unwatched'} ${turn}`, group: 'monitors', recipe: { ...recipe, ...changes, seed: seed + 100 + 2 * turn + Number(isWatched), evaluation: [{ ...evaluation, heldout_pairs: isWatched ? evaluation?.['heldout_pairs'] : null }] } }, from)
  }
  const [watched, unwatched] = [[] as Record<string, number>[], [] as Record<string, number>[]]
  for (let turn = 0; turn < TURNS; turn++) {
    unwatched.push(await runOf(turn, false))
    watched.push(await runOf(turn, true))
  }
  const middle = (of: Record<string, number>[], measure: (seconds: Record<string, number>) => number): number => median(of.map(measure))
  const share = ({ probe = 0, sample = 0, train = 0 }: Record<string, number>): number => (100 * probe) / (sample + train)
  const small = `${FULL.iterations} rounds of ${FULL.pairsPerRound} pairs`
  yield {
    name: `DRIFT with monitors, over DRIFT without, ${FULL.pairsPerRound} pairs`, measured: middle(watched, total) / middle(unwatched, total), atMost: 1.03, unit: 'x',
    detail: `${small}; medians of ${TURNS} runs each, in turn: ${middle(watched, total).toFixed(1)} s, ${middle(unwatched, total).toFixed(1)} s; the last: ${shown(watched.at(-1)!)} s`,
  }
  yield { name: `its probes, share of sampling and training, ${FULL.pairsPerRound} pairs`, measured: middle(watched, share), atMost: 3, unit: '%', detail: `${small}, probes of 32 pairs at ${FULL.iterations + 2} boundaries` }

  const large = { iterations: LARGE.iterations, pairs_per_round: LARGE.pairs }
  const without = await runOf(TURNS, false, large, 1)
  const with_ = await runOf(TURNS, true, large, 1)
  yield { name: `a round with monitors, over one without, ${LARGE.pairs} pairs`, measured: total(with_) / total(without), atMost: 1.03, unit: 'x', detail: `one run each: with ${shown(with_)} s; without ${shown(without)} s` }
  yield { name: `its probe, share of sampling and training, ${LARGE.pairs} pairs`, measured: share(with_), atMost: 3, unit: '%', detail: `one round, its probe of 32 pairs: ${with_['probe']!.toFixed(2)} s` }
}
