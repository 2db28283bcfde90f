/** What a comparison computes while a reader waits: the prompts board from the database and as a page, the bootstrap and a length-controlled win rate in memory. */
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
import { lengthControlledWinRate } from '../src/core/evals/length-controlled.ts'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { drawnAfterClick } from './drawn.ts'
import { type Figure, median } from './figure.ts'

const PROMPTS = 805
const RUNS = 12
/** Base, warm start and two rounds of each run, this many samples of every prompt. */
const EVALUATED = [-1, 0, 1, 2]
const SAMPLES = 4
const GROUP = 'board'
const LOADS = 5

export async function* measureCompare({ seed }: { seed: number }): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const path = join(home, 'workspace')
    yield board(path, seed)
    yield* boardPage(path, home)
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
  yield bootstrap(seed)
  yield lengthControlled(seed)
}

function board(path: string, seed: number): Figure {
  const workspace = openWorkspace(path)
  try {
    const ids = workspace.db.transaction(() => fill(workspace.db, seed))()
    const started = performance.now()
    const { total, columns } = readBoard(workspace.db, ids, { sort: 'harm', turnedBad: false })
    const seconds = (performance.now() - started) / 1000
    if (total !== PROMPTS) throw new Error(`board: expected ${PROMPTS} prompts, got ${total}`)
    return { name: 'compare: prompts board, 805 prompts x 12 runs', measured: seconds, atMost: 1, unit: 's', detail: `first read of ${columns.length} columns just written, ${RUNS * EVALUATED.length * PROMPTS * SAMPLES} samples` }
  } finally {
    workspace.close()
  }
}

/** From the click on the tab to the end of the frame that shows the first prompts and an answer of each method. */
async function* boardPage(workspace: string, home: string): AsyncGenerator<Figure> {
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  try {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.addInitScript(noteBoard)
    const address = new URL(host.url)
    address.pathname = '/compare'
    address.searchParams.set('group', GROUP)
    await page.goto(address.href)
    const loads: number[] = []
    for (let i = 0; i < LOADS; i++) {
      await page.getByRole('tab', { name: 'Scores' }).click({ timeout: 300_000 })
      const drawn = page.evaluate<number>('globalThis.boardDrawn()')
      await page.getByRole('tab', { name: 'Prompts' }).click()
      loads.push(await drawn)
    }
    yield { name: 'compare: prompts board as a page', measured: loads[0]! / 1000, atMost: 1, unit: 's', detail: `tab asked for to prompts and answers drawn, the first time; again ${(median(loads.slice(1)) / 1000).toFixed(2)} s (median of ${LOADS - 1}), Chromium` }
  } finally {
    await browser.close()
    await host.stop()
  }
}

const noteBoard = drawnAfterClick('boardDrawn', `document.querySelectorAll('[role=listbox][aria-label=Prompts] [role=option]').length >= 10 && document.querySelectorAll('article.answer .text').length > 0`)

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
    const { run } = insertRun(db, { slug: `run-${number + 1}`, name: `run ${number + 1}`, method: `method-${number + 1}`, recipe, group: GROUP, rounds: 2, threads: 1, yaml }, thisOwner(), Date.now())
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

function lengthControlled(seed: number): Figure {
  const rng = makeRng(seed)
  const rows = Array.from({ length: PROMPTS }, () => ({ q: rng.next(), baselineLength: 200 + rng.int(3000), modelLength: 200 + rng.int(3000), difficulty: rng.normal() }))
  const times = Array.from({ length: LOADS }, () => {
    const started = performance.now()
    if (lengthControlledWinRate(rows, [])?.crossValidation == null) throw new Error('length-controlled win rate: expected a cross-validated one')
    return performance.now() - started
  })
  return { name: 'compare: LC win rate, 805 rows, cross-validated', measured: median(times), atMost: null, unit: 'ms', detail: `median of ${LOADS} (first ${times[0]!.toFixed(0)} ms), 10 strengths x 5 folds` }
}
