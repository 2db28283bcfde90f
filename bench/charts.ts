/**
 * Compare's page of 200 runs in a real Chromium on the headless host: what is kept when runs end, how soon the page and
 * its step curves stand there, and the frames of moving over, along and into them beside those of a bare ECharts page
 * that draws the same thinned series.
 * 10,000 steps a run; 100,000 with --full (20 million rows, written once into .runtime/bench).
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { makeComparison } from '../src/backend/comparisons/read-comparison.ts'
import { gradientHealth } from '../src/backend/comparisons/gradient-health.ts'
import { keepCurves, stepCurves } from '../src/backend/comparisons/step-curves.ts'
import { thisOwner } from '../src/backend/jobs/owner.ts'
import { parseRecipe } from '../src/backend/recipe-file.ts'
import { createDataset } from '../src/backend/storage/datasets.ts'
import { insertEvaluations } from '../src/backend/storage/evaluations.ts'
import { openWorkspace, type WritableDb } from '../src/backend/storage/open.ts'
import { finishStage, insertStage } from '../src/backend/storage/run-stages.ts'
import { insertRun, releaseRun } from '../src/backend/storage/runs.ts'
import { makeRng } from '../src/core/rng.ts'
import type { CurveAxis } from '../src/shared/comparison.ts'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { afterThisFrame, drawnAfterClick } from './drawn.ts'
import { type Figure, median, quantile } from './figure.ts'

const RUNS = 200
const METHODS = ['drift', 'iterative-dpo', 'spin', 'drift-unguided']
const STAGES = ['round-1/train', 'round-2/train']
const METRIC = 'rewards/margins'
const GROUP = 'charts'
const LOADS = 5
const TURNS = 3
const VIEWPORT = { width: 1440, height: 900 }
/** Part of the folder's name: raise it when what is written changes. */
const EDITION = 4

export async function* measureCharts({ steps }: { steps: number }): AsyncGenerator<Figure> {
  const folder = chartsWorkspace(steps)
  const workspace = openWorkspace(folder)
  const ids = workspace.db.prepare('SELECT id FROM runs ORDER BY position').pluck().all() as string[]
  const read = (axis: CurveAxis = 'step') => stepCurves(workspace.db, { runs: ids, metric: METRIC, smoothing: 0, axis }, { folder: workspace.runs })
  // A run's process does this when the run ends; of the last of a group with the comparison.
  for (const name of readdirSync(workspace.runs)) rmSync(join(workspace.runs, name), { recursive: true, force: true })
  const size = `${RUNS} runs x ${steps.toLocaleString('en-US')} steps`
  const one = timed(() => keepCurves(workspace.db, workspace.runs, ids[0]!))
  const health = timed(() => gradientHealth(workspace.db, ids[0]!, workspace.runs))
  yield { name: 'at the end of a run: its thinned curves and gradient health', measured: (one.ms + health.ms) / 1000, atMost: null, unit: 's', detail: `every metric of one run of ${steps.toLocaleString('en-US')} steps; the health ${health.ms.toFixed(0)} ms of it` }
  for (const id of ids) gradientHealth(workspace.db, id, workspace.runs)
  read()
  read('time')
  const compared = timed(() => makeComparison(workspace, { group: GROUP }))
  yield { name: 'at the end of the last run: the comparison', measured: compared.ms / 1000, atMost: null, unit: 's', detail: `gradient norms of every step and the bootstrap, ${size}` }
  const again = timed(() => read())
  const inTime = timed(() => read('time'))
  const anew = timed(() => makeComparison(workspace, { group: GROUP }))
  workspace.close()
  const { curves } = again.result
  const points = curves.reduce((sum, { stages }) => sum + stages.reduce((all, stage) => all + stage.points.length, 0), 0)
  yield { name: 'curves read from their thinned copies', measured: again.ms, atMost: null, unit: 'ms', detail: `${points.toLocaleString('en-US')} points are sent; over time ${inTime.ms.toFixed(0)} ms` }
  yield { name: 'the comparison once more, gradient norms kept', measured: anew.ms / 1000, atMost: null, unit: 's', detail: 'as when a run of the group changes: the bootstrap' }

  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const host = await startHost({ workspace: folder, home })
  const browser = await startBrowser()
  try {
    const address = new URL(host.url)
    address.pathname = '/compare'
    address.searchParams.set('group', GROUP)
    const whole = new URL(address)
    whole.searchParams.set('tab', 'curves')
    const opens: number[] = []
    for (let i = 0; i < LOADS; i++) {
      const context = await browser.newContext({ viewport: VIEWPORT })
      const page = await context.newPage()
      await page.addInitScript(noteWhole)
      const opened = performance.now()
      await page.goto(whole.href, { waitUntil: 'commit' })
      await page.evaluate('globalThis.wholeDrawn')
      opens.push(performance.now() - opened)
      await context.close()
    }
    yield { name: 'whole page: asked for to head, tabs and step curves drawn', measured: opens[0]! / 1000, atMost: 1.5, unit: 's', detail: `the first time in a host just started, without a browser cache; again ${(median(opens.slice(1)) / 1000).toFixed(2)} s (median of ${LOADS - 1}), ${size}` }
    const page = await (await browser.newContext({ viewport: VIEWPORT })).newPage()
    await page.addInitScript(noteSteps)
    await page.addInitScript(noteGradients)
    await page.goto(address.href)
    await page.getByRole('tab', { name: 'Curves' }).waitFor({ timeout: 600_000 })
    const loads: number[] = []
    for (let i = 0; i < LOADS; i++) {
      await page.getByRole('tab', { name: 'Scores' }).click()
      const drawn = page.evaluate<number>('globalThis.stepsDrawn()')
      await page.getByRole('tab', { name: 'Curves' }).click()
      loads.push(await drawn)
    }
    yield { name: 'tab asked for to step curves drawn', measured: loads[0]! / 1000, atMost: 1.5, unit: 's', detail: `the first time; again ${(median(loads.slice(1)) / 1000).toFixed(2)} s (median of ${LOADS - 1}), ${size}` }

    await page.getByRole('tab', { name: 'Scores' }).click()
    const healthDrawn = page.evaluate<number>('globalThis.gradientsDrawn()')
    await page.getByRole('tab', { name: 'Gradient health' }).click()
    yield { name: 'tab asked for to gradient health drawn', measured: (await healthDrawn) / 1000, atMost: 1.5, unit: 's', detail: `margins and weights of every method, the first time, ${size}` }
    await page.getByRole('tab', { name: 'Curves' }).click()

    const bare = await (await browser.newContext({ viewport: VIEWPORT })).newPage()
    await bare.setContent('<style>body { margin: 0 } #chart { width: 1150px; height: 320px }</style><div id="chart"></div>')
    await bare.addScriptTag({ path: join(import.meta.dirname, '..', 'node_modules', 'echarts', 'dist', 'echarts.min.js') })
    const lines = curves.map(({ stages }) => stages.flatMap(({ points: of }, i) => of.map(([step, value]) => [(i * steps) / STAGES.length + step, value])))
    await bare.evaluate(`(${drawBare})(${JSON.stringify(lines)})`)
    const canvas = page.getByRole('region', { name: 'Metrics by step' }).locator('canvas').first()
    await canvas.scrollIntoViewIfNeeded()
    const ours: number[][] = []
    const theirs: number[][] = []
    for (let turn = 0; turn < TURNS; turn++) {
      ours.push(await frames(page, await canvas.boundingBox()))
      theirs.push(await frames(bare, await bare.locator('canvas').first().boundingBox()))
    }
    const p99 = (of: number[][]): number[] => of.map((one) => quantile(one, 0.99))
    const describe = (of: number[][]): string => `p99 ${p99(of).map((ms) => ms.toFixed(1)).join(', ')}, p50 ${median(of.map((one) => quantile(one, 0.5))).toFixed(1)}, ${of.map(({ length }) => length).join(', ')} frames`
    yield { name: 'frames of hovering, zooming, panning', measured: median(p99(ours)), atMost: null, unit: 'ms', detail: `median of ${TURNS} runs: ${describe(ours)}; bare ECharts ${describe(theirs)}` }
    yield { name: 'frames / bare ECharts, same series', measured: median(p99(ours)) / median(p99(theirs)), atMost: 1.3, unit: 'x', detail: 'of both p99, by turns' }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function timed<Result>(work: () => Result): { ms: number; result: Result } {
  const started = performance.now()
  const result = work()
  return { ms: performance.now() - started, result }
}

/** @returns the folder of a workspace of runs in one group; a run's metrics are one transaction, so that what was broken off goes on */
function chartsWorkspace(steps: number): string {
  const cache = join(import.meta.dirname, '..', '.runtime', 'bench')
  mkdirSync(cache, { recursive: true })
  const folder = join(cache, `charts-${steps}-${EDITION}`)
  const isNew = !existsSync(folder)
  const { db, close } = openWorkspace(folder)
  if (isNew) createDataset(db, { name: 'test', kind: 'prompts', rows: [{ prompt: [{ role: 'user', content: 'plan a trip' }], task: null, conversationId: null }], recipe: {} })
  for (let i = db.prepare('SELECT count(*) FROM runs').pluck().get() as number; i < RUNS; i++) db.transaction(() => fillRun(db, i, steps / STAGES.length))()
  close()
  return folder
}

/** Written by the database alone: twenty million rows one by one would take an hour. */
function fillRun(db: WritableDb, i: number, steps: number): void {
  const [method, seed] = [METHODS[i % METHODS.length]!, Math.floor(i / METHODS.length)]
  const yaml = `recipe: drift\nmodel_name_or_path: models/base\ndataset: feedback\niterations: 2\nseed: ${seed}\nevaluation: [{ dataset: test, k: 1 }]\n`
  const { recipe, issues } = parseRecipe(yaml)
  if (recipe === null) throw new Error(JSON.stringify(issues))
  const { lease } = insertRun(db, { slug: `run-${i}`, name: `${method} ${seed}`, method, recipe, group: GROUP, rounds: 2, threads: 1, yaml }, thisOwner(), Date.now())
  const rng = makeRng(`charts ${i}`)
  insertEvaluations(db, lease.runId, [-1, 0, 1, 2].flatMap((round) => [0, 1].map((temperature) => ({ round, dataset: 'test', temperature, promptIndex: 0, sampleIndex: 0, seed, text: '', score: rng.next(), reward: 0, pass: false, checks: {}, items: [], solutionSize: null, tokens: 1, entropy: 0, finishReason: 'stop' as const }))))
  // Two waves and noise from a congruence: every run its own.
  const insert = db.prepare(`
    WITH RECURSIVE at(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM at WHERE step < @steps)
    INSERT INTO run_metrics (run_id, stage, step, row, details, system)
    SELECT @id, @stage, step, printf('{"loss":%.5f,"rewards/margins":%.5f,"rewards/accuracies":%.3f,"grad_norm":%.4f,"learning_rate":1e-6}', 0.7 - 0.3 * step / @steps, 2.0 * step / @steps + sin(step / 900.0 + @i) / 3 + ((step * 7919 + @i * 104729) % 1000) / 2000.0, 0.5 + 0.4 * step / @steps, 1 + sin(step / 50.0)), printf('{"pairIndices":[0,1],"margins":[%.15f,%.15f]}', 2.0 * step / @steps + sin(step / 700.0 + @i), 1.5 * step / @steps + ((step * 7919 + @i) % 1000) / 400.0 - 1), printf('{"system/seconds":%.3f,"system/tokens_per_second":%.1f,"system/memory_bytes":%d}', step / 100.0, 9000 + 500 * sin(step / 60.0), 350000000 + step) FROM at`)
  STAGES.forEach((stage, at) => {
    insertStage(db, { runId: lease.runId, key: stage, kind: 'train', round: at + 1, startsFrom: at === 0 ? 'base' : `round-${at}`, inputHash: `${i} ${stage}`, computedBy: 'bench', startedAt: new Date().toISOString() })
    insert.run({ id: lease.runId, stage, steps, i })
    finishStage(db, lease.runId, stage, { result: null, counts: { trainedTokens: steps * 100, optimizerSteps: steps }, summary: { pairs: steps, steps }, seconds: steps / 100, peakMemoryBytes: null, endedAt: new Date().toISOString(), reusedFrom: null })
  })
  releaseRun(db, lease, { status: 'done', error: null }, Date.now())
}

/** Head, tabs and a canvas with a size, and the frame that shows them over. */
const noteWhole = `
  globalThis.wholeDrawn = new Promise((resolve) => {
    const look = () => {
      const isThere = document.querySelector('h1:not(.visually-hidden)') && document.querySelector('[role=tab]') && (document.querySelector('section[aria-label="Metrics by step"] canvas')?.width ?? 0) > 0
      if (!isThere) return requestAnimationFrame(look)
      ${afterThisFrame('resolve()')}
    }
    requestAnimationFrame(look)
  })`

// A canvas that has a size is drawn by then.
const noteSteps = drawnAfterClick('stepsDrawn', `(document.querySelector('section[aria-label="Metrics by step"] canvas')?.width ?? 0) > 0`)

const noteGradients = drawnAfterClick('gradientsDrawn', `document.querySelectorAll('.panel [aria-label^="Weight of each pair"] canvas').length === ${METHODS.length}`)

/** As few parts as an ECharts page can have that shows, hovers, zooms and pans the same lines. */
const drawBare = `(lines) => {
  const chart = echarts.init(document.getElementById('chart'), null, { renderer: 'canvas' })
  chart.setOption({ animation: false, tooltip: { trigger: 'axis', formatter: () => 'step' }, xAxis: { type: 'value' }, yAxis: { type: 'value' }, dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl' }], series: lines.map((data) => ({ type: 'line', data, showSymbol: false, lineStyle: { width: 1 } })) })
}`

const MOVES = 60
const WHEELS = 12
const SETTLE_MS = 400

/** Ms between frames while the pointer crosses the chart, zooms in, drags along and zooms out, with real input. */
async function frames(page: Page, box: { x: number; y: number; width: number; height: number } | null): Promise<number[]> {
  if (box === null) throw new Error('expected a chart on the page, got none')
  const at = (share: number): [number, number] => [box.x + box.width * (0.1 + 0.7 * share), box.y + box.height / 2]
  await page.bringToFront()
  await page.mouse.move(...at(0))
  await page.waitForTimeout(SETTLE_MS)
  await page.evaluate('{ globalThis.frameMs = []; globalThis.measuring = true; let before = null; const step = (now) => { if (before !== null) frameMs.push(now - before); before = now; if (measuring) requestAnimationFrame(step) }; requestAnimationFrame(step) }')
  for (let i = 0; i <= MOVES; i++) await page.mouse.move(...at(i / MOVES))
  await page.mouse.move(...at(0.5))
  await page.keyboard.down('Control')
  for (let i = 0; i < WHEELS; i++) await page.mouse.wheel(0, -120)
  await page.keyboard.up('Control')
  await page.mouse.down()
  for (let i = 0; i <= MOVES; i++) await page.mouse.move(...at(0.5 + 0.3 * Math.sin(i / 6)))
  await page.mouse.up()
  await page.keyboard.down('Control')
  for (let i = 0; i < WHEELS; i++) await page.mouse.wheel(0, 240)
  await page.keyboard.up('Control')
  await page.waitForTimeout(SETTLE_MS)
  return page.evaluate<number[]>('(measuring = false, frameMs)')
}
