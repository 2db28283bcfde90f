/** What a comparison computes while a reader waits: the prompts board from the database, the bootstrap in memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisOwner } from '../src/backend/jobs/owner.ts'
import { parseRecipe } from '../src/backend/recipe-file.ts'
import { readBoard } from '../src/backend/storage/boards.ts'
import { createDataset } from '../src/backend/storage/datasets.ts'
import { insertEvaluations } from '../src/backend/storage/evaluations.ts'
import { openWorkspace, type WritableDb } from '../src/backend/storage/open.ts'
import { insertRun } from '../src/backend/storage/runs.ts'
import { makeRng } from '../src/core/rng.ts'
import { crossedInterval } from '../src/core/statistics.ts'
import type { PromptRow } from '../src/shared/types.ts'
import type { Figure } from './figure.ts'

const PROMPTS = 805
const RUNS = 12
/** Base, warm start and two rounds of each run, this many samples of every prompt. */
const EVALUATED = [-1, 0, 1, 2]
const SAMPLES = 4

export async function* measureCompare({ seed }: { seed: number }): AsyncGenerator<Figure> {
  yield board(seed)
  yield bootstrap(seed)
}

function board(seed: number): Figure {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = openWorkspace(join(folder, 'workspace'))
  try {
    const ids = workspace.db.transaction(() => fill(workspace.db, seed))()
    const started = performance.now()
    const { total, columns } = readBoard(workspace.db, ids, { sort: 'harm', turnedBad: false })
    const seconds = (performance.now() - started) / 1000
    if (total !== PROMPTS) throw new Error(`board: expected ${PROMPTS} prompts, got ${total}`)
    return { name: 'compare: prompts board, 805 prompts x 12 runs', measured: seconds, atMost: 1, unit: 's', detail: `first read of ${columns.length} columns just written, ${RUNS * EVALUATED.length * PROMPTS * SAMPLES} samples; the page's own drawing is not in it` }
  } finally {
    workspace.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function fill(db: WritableDb, seed: number): string[] {
  const rng = makeRng(seed)
  const words = 'plan trip train hotel north river bread early three cheap museum quiet'.split(' ')
  const text = (): string => Array.from({ length: 12 }, () => rng.pick(words)).join(' ')
  const prompts = Array.from({ length: PROMPTS }, (_, i): PromptRow => ({ prompt: [{ role: 'user', content: `${i}: ${text()}` }], task: null, conversationId: null }))
  createDataset(db, { name: 'test', kind: 'prompts', rows: prompts, recipe: {} })
  const yaml = `recipe: drift\nmodel_name_or_path: models/base\ndataset: feedback\niterations: 2\nseed: ${seed}\nevaluation: [{ dataset: test, k: ${SAMPLES} }]\n`
  const { recipe, issues } = parseRecipe(yaml)
  if (recipe === null) throw new Error(JSON.stringify(issues))
  return Array.from({ length: RUNS }, (_, number) => {
    const { run } = insertRun(db, { slug: `run-${number + 1}`, name: `run ${number + 1}`, method: `method-${number + 1}`, recipe, group: null, rounds: 2, threads: 1, yaml }, thisOwner(), Date.now())
    for (const round of EVALUATED) insertEvaluations(db, run.id, prompts.flatMap((_, promptIndex) => Array.from({ length: SAMPLES }, (_, sampleIndex) => {
      const score = rng.next()
      return { round, dataset: 'test', temperature: 1, promptIndex, sampleIndex, seed, text: text(), score, reward: score, pass: score > 0.5, checks: {}, items: [], solutionSize: null, tokens: 12, entropy: 1, finishReason: 'stop' }
    })))
    return run.id
  })
}

function bootstrap(seed: number): Figure {
  const rng = makeRng(seed)
  const grid = Array.from({ length: 10 }, () => Array.from({ length: 1024 }, () => rng.normal()))
  const started = performance.now()
  crossedInterval(grid, { resamples: 10_000, random: rng.next })
  return { name: 'compare: bootstrap 10k x 1,024 x 10', measured: (performance.now() - started) / 1000, atMost: 2, unit: 's', detail: '10,000 crossed resamples of 1,024 prompts x 10 runs, one thread' }
}
