/** What training did to a run's pairs, round by round; kept for long runs, and of several seeds pooled. */
import { join } from 'node:path'
import { gradientsOf, healthOfSteps, type StepHealth } from '../../core/gradient-health.ts'
import { isStart } from '../../shared/comparison.ts'
import type { RoundHealth, Verdict } from '../../shared/monitors.ts'
import { keep, readKept } from '../kept.ts'
import { evaluatedRuns } from '../storage/comparisons.ts'
import { readHeldout, readPairStatistics } from '../storage/evaluations.ts'
import type { ReadableDb } from '../storage/open.ts'
import { isLong, markOfRows, readRoundSteps } from '../storage/run-stages.ts'
import type { Tell } from '../task-thread.ts'

/** Part of a copy's mark: raise it when what is kept comes to mean something else. */
const EDITION = 1

export type GradientsInput = { methods: readonly { key: string; runs: readonly string[] }[] }
export type Gradients = { methods: { key: string; rounds: RoundHealth[]; verdict: Verdict }[] }

/** @param folder of the runs, where what a long run's steps come to is kept; null keeps nothing */
export function gradientHealth(db: ReadableDb, id: string, folder: string | null): RoundHealth[] {
  const kept = folder === null ? null : keptSteps(db, id, folder)
  if (kept !== null) return withPairs(db, id, kept)
  // Of before the reading: rows that come meanwhile make the copy count for nothing.
  const copy = folder === null || !isLong(db, id) ? null : copyOf(db, id, folder)
  const steps = stepsOf(db, id)
  if (copy !== null) keep(copy.file, copy.mark, steps)
  return withPairs(db, id, steps)
}

/** Runs by what their comparison calls them; a warm start is none. */
export function methodsOfRuns(db: ReadableDb, ids: readonly string[]): GradientsInput {
  const methods = Map.groupBy(evaluatedRuns(db, ids).runs.filter(({ arm }) => !isStart(arm.method)), ({ arm }) => arm.method)
  return { methods: [...methods].map(([key, runs]) => ({ key, runs: runs.map(({ run }) => run.id) })) }
}

export function methodGradients(db: ReadableDb, { methods }: GradientsInput, folder: string | null, tell: Tell = () => {}): Gradients {
  const total = methods.reduce((sum, { runs }) => sum + runs.length, 0)
  let done = 0
  return pool(db, methods, (id) => {
    tell(done++, total, `gradients of ${id}`)
    return gradientHealth(db, id, folder)
  })!
}

/** The same from kept copies alone, in a moment; null where a run has none, or has gained rows since. */
export function keptMethodGradients(db: ReadableDb, { methods }: GradientsInput, folder: string): Gradients | null {
  return pool(db, methods, (id) => {
    const kept = keptSteps(db, id, folder)
    return kept && withPairs(db, id, kept)
  })
}

function pool(db: ReadableDb, methods: GradientsInput['methods'], healthOf: (id: string) => RoundHealth[] | null): Gradients | null {
  const pooled: Gradients['methods'] = []
  for (const { key, runs } of methods) {
    const all: { health: RoundHealth[]; heldout: ReturnType<typeof readHeldout> }[] = []
    for (const id of runs) {
      const health = healthOf(id)
      if (health === null) return null
      all.push({ health, heldout: readHeldout(db, [id]) })
    }
    pooled.push({ key, ...gradientsOf(all) })
  }
  return { methods: pooled }
}

const copyOf = (db: ReadableDb, id: string, folder: string): { file: string; mark: string } => ({ file: join(folder, id, 'curves', 'gradient-health.json'), mark: `${EDITION} ${markOfRows(db)(id)}` })

function keptSteps(db: ReadableDb, id: string, folder: string): StepHealth[] | null {
  const { file, mark } = copyOf(db, id, folder)
  return readKept<StepHealth[]>(file, mark)
}

function stepsOf(db: ReadableDb, id: string): StepHealth[] {
  const rounds = new Map<number, { margins: (number | null)[]; norms: (number | null)[] }>()
  for (const { round, gradNorm, margins } of readRoundSteps(db, id)) {
    const at = rounds.get(round) ?? { margins: [], norms: [] }
    at.margins.push(...margins)
    at.norms.push(gradNorm)
    rounds.set(round, at)
  }
  return [...rounds].map(([round, { margins, norms }]) => healthOfSteps(round, margins, norms))
}

/** Scores of a round's pairs may be measured again after its steps: they are read, not kept. */
function withPairs(db: ReadableDb, id: string, steps: readonly StepHealth[]): RoundHealth[] {
  const pairs = new Map(readPairStatistics(db, id).map((row) => [row.round, row]))
  return steps.map((step) => {
    const { chosenScore = null, rejectedScore = null, pairAccuracy = null } = pairs.get(step.round) ?? {}
    return { ...step, chosenScore, rejectedScore, pairAccuracy }
  })
}
