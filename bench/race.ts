/**
 * What a race costs beyond its work, on the built-in experiment's tiny base in one lane: three methods from the first
 * start to the last end beside what their stages spent on sampling, training and evaluating, and runs with the monitors
 * of a round's end beside runs without, at the experiment's round and at one as large as the paper's: the monitors' cost
 * does not grow with the pairs of a round, all else does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { demoRecipe, FULL } from '../src/backend/demo/settings.ts'
import { type Backend, openBackend } from '../src/backend/index.ts'
import { executeRun } from '../src/backend/jobs/execute-run.ts'
import { thisOwner } from '../src/backend/jobs/owner.ts'
import { parseRecipe } from '../src/backend/recipe-file.ts'
import { openWorkspace, type Workspace } from '../src/backend/storage/open.ts'
import { insertRun } from '../src/backend/storage/runs.ts'
import { embeddedEngine } from '../src/engine/embedded.ts'
import type { RunStage } from '../src/shared/types.ts'
import { finishRuns, type Planned } from '../scripts/finish-runs.ts'
import { type Figure, median } from './figure.ts'

const METHODS = ['drift', 'spin', 'iterative-dpo'] as const
/** `from`: the first round that counts. The paper's rounds are of about 4,000 rows in its controlled setting. */
const SIZES = [
  { pairs: FULL.pairsPerRound, iterations: FULL.iterations, turns: 3, from: -1, words: `whole runs of ${FULL.iterations} rounds` },
  { pairs: 4096, iterations: 1, turns: 1, from: 1, words: 'one round' },
]

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
    } finally {
      await backend.close()
    }
    const again = openWorkspace(path, { create: false })
    try {
      yield* monitorFigures(again, seed)
    } finally {
      again.close()
    }
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

const recipeOf = (method: (typeof METHODS)[number], seed: number): Record<string, unknown> => parse(demoRecipe(method, seed, FULL)) as Record<string, unknown>

/** Seconds of the run's own stages, by kind; a probe is a kind of its own. */
async function secondsOf(backend: Backend, one: Planned): Promise<Record<string, number>> {
  const run = [...(await finishRuns(backend, [one], () => true, () => {})).values()][0]!
  const seconds: Record<string, number> = {}
  for (const { key, kind, reusedFrom, seconds: of } of (await backend.call('runs.get', { id: run.id })).stages) {
    const name = nameOf({ key, kind })
    if (reusedFrom === null) seconds[name] = (seconds[name] ?? 0) + of!
  }
  return seconds
}

const nameOf = ({ key, kind }: Pick<RunStage, 'key' | 'kind'>): string => (key.endsWith('/probe') ? 'probe' : kind)

/**
 * Seconds of processor time of the run's own stages, by kind, worked on in this process: what else the machine does
 * does not count. @param from of these rounds on; the base's is -1, the warm start's 0
 */
async function processorSecondsOf(workspace: Workspace, name: string, recipe: Record<string, unknown>, from: number): Promise<Record<string, number>> {
  const yaml = stringify(recipe)
  const { recipe: read, issues } = parseRecipe(yaml)
  if (read === null) throw new Error(JSON.stringify(issues))
  const { lease } = insertRun(workspace.db, { slug: name, name, method: 'drift', recipe: read, group: null, rounds: read.iterations, threads: 2, yaml }, thisOwner(), Date.now())
  const seconds: Record<string, number> = {}
  let began = process.cpuUsage()
  const status = await executeRun({
    workspace, lease, engine: embeddedEngine, version: 'bench',
    tell(report) {
      if (report.type !== 'stage') return
      const { user, system } = process.cpuUsage(began)
      const { stage } = report
      if (stage.status === 'running') began = process.cpuUsage()
      else if (stage.reusedFrom === null && stage.round >= from) seconds[nameOf(stage)] = (seconds[nameOf(stage)] ?? 0) + (user + system) / 1e6
    },
  })
  if (status !== 'done') throw new Error(`${lease.runId} ended as ${status}`)
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
async function* monitorFigures(workspace: Workspace, seed: number): AsyncGenerator<Figure> {
  const runOf = (turn: number, isWatched: boolean, changes: Record<string, unknown>, from: number): Promise<Record<string, number>> => {
    const recipe = recipeOf('drift', seed)
    const [evaluation] = recipe['evaluation'] as Record<string, unknown>[]
    return processorSecondsOf(workspace, `${isWatched ? 'watched' : 'unwatched'}-${turn}`, { ...recipe, ...changes, seed: seed + 100 + 2 * turn + Number(isWatched), evaluation: [{ ...evaluation, heldout_pairs: isWatched ? evaluation?.['heldout_pairs'] : null }] }, from)
  }
  const share = ({ probe = 0, sample = 0, train = 0 }: Record<string, number>): number => (100 * probe) / (sample + train)
  let turn = 0
  for (const { pairs, iterations, turns, from, words } of SIZES) {
    const [watched, unwatched] = [[] as Record<string, number>[], [] as Record<string, number>[]]
    for (const end = turn + turns; turn < end; turn++) {
      unwatched.push(await runOf(turn, false, { iterations, pairs_per_round: pairs }, from))
      watched.push(await runOf(turn, true, { iterations, pairs_per_round: pairs }, from))
    }
    const middle = (of: Record<string, number>[], measure: (seconds: Record<string, number>) => number): number => median(of.map(measure))
    yield {
      name: `monitors: with over without, ${pairs} pairs`, measured: middle(watched, total) / middle(unwatched, total), atMost: 1.03, unit: 'x',
      detail: `${words}; processor time, ${turns === 1 ? 'one run each' : `medians of ${turns} runs each, in turn`}; the last with ${shown(watched.at(-1)!)} s, without ${shown(unwatched.at(-1)!)} s`,
    }
    yield { name: `probes over sampling and training, ${pairs} pairs`, measured: middle(watched, share), atMost: 3, unit: '%', detail: `${words}; processor time of probes of 32 pairs` }
  }
}
