/**
 * The table of 5,000 runs in a real Chromium on the headless host: how soon its rows stand there, and how soon they do
 * once a filter or an order is asked for; likewise as lines over parallel axes. Filtering and sorting alone, without
 * the page, beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { readRunColumns } from '../src/backend/storage/run-marks.ts'
import { listRuns } from '../src/backend/storage/runs.ts'
import { arrangeRuns, differingSettings, filterRuns, type TableRun } from '../src/core/run-table.ts'
import { compareMethods } from '../src/renderer/charts/methods.ts'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { afterThisFrame, drawnAfterClick } from './drawn.ts'
import { type Figure, median, quantile } from './figure.ts'
import { fillRuns } from './runs-workspace.ts'

const RUNS = 5000
const LOADS = 3
const ROUNDS = 9
const AT_MOST_MS = 100
/** Sorts by text, by number and by a setting. */
const SORTS = ['name', 'score', 'training.learning_rate']
const NO_FILTER = { q: '', status: null, method: null, group: null, tag: null, archived: false }

export async function* measureRuns(): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = join(home, 'workspace')
  fillRuns(workspace, RUNS)
  try {
    yield* measureFunctions(workspace)
    const host = await startHost({ workspace, home })
    const browser = await startBrowser()
    try {
      const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
      yield* measurePage(page, host.url)
    } finally {
      await browser.close()
      await host.stop()
    }
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function* measureFunctions(path: string): Generator<Figure> {
  const workspace = openWorkspace(path)
  const read = timed(() => [listRuns(workspace.db), readRunColumns(workspace.db)] as const)
  workspace.close()
  const [runs, columns] = read.result
  yield { name: 'runs and their columns read', measured: read.ms, atMost: null, unit: 'ms', detail: `median of ${ROUNDS}, ${RUNS} runs, from the database` }
  const byId = new Map(columns.map((one) => [one.id, one]))
  const rows = runs.map((run): TableRun => ({ run, columns: byId.get(run.id) }))
  for (const sort of SORTS) {
    const { ms } = timed(() => {
      const shown = filterRuns(rows, { ...NO_FILTER, q: 'rate' })
      differingSettings(shown)
      return arrangeRuns(shown, { by: 'group', closed: [], sort, descending: false }, compareMethods)
    })
    yield { name: `filter, group and sort by ${sort}`, measured: ms, atMost: AT_MOST_MS, unit: 'ms', detail: `median of ${ROUNDS}, all ${RUNS} pass the filter, Node` }
  }
}

async function* measurePage(page: Page, url: string): AsyncGenerator<Figure> {
  const address = new URL(url)
  address.pathname = '/runs'
  const loads: number[] = []
  for (let i = 0; i < LOADS; i++) {
    const started = performance.now()
    await page.goto(address.href)
    await page.locator('[role=grid][aria-label=Runs] .number').first().waitFor()
    loads.push(performance.now() - started)
  }
  yield { name: 'page asked for to rows with scores', measured: median(loads), atMost: null, unit: 'ms', detail: `median of ${LOADS} loads of /runs, ${RUNS} runs` }
  // One after the other they leave other numbers of runs.
  const typed = ['spin', 'drift', 'rate 5e-7', 'candidate', 'spin 1', 'dpo', 'nowhere', 'unguided', 'drift 4']
  const filters: number[] = []
  for (const text of typed) filters.push(await answerMs(page, '.table-line .total', `(() => { const field = document.querySelector('.search input'); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true })) })()`))
  await page.goto(address.href)
  await page.locator('[role=grid][aria-label=Runs] .number').first().waitFor()
  yield { name: 'filter typed to rows drawn', measured: median(filters), atMost: AT_MOST_MS, unit: 'ms', detail: `median of ${typed.length} texts (longest ${Math.max(...filters).toFixed(0)} ms)` }
  const sorts: number[] = []
  for (const label of ['name', 'loss', 'margin', 'accuracy', 'task score', 'seed', 'method', 'created', 'name']) {
    sorts.push(await answerMs(page, '[role=grid][aria-label=Runs] .rows', `[...document.querySelectorAll('[role=columnheader] button')].find((button) => button.textContent.trim() === ${JSON.stringify(label)}).click()`))
  }
  yield { name: 'sort asked for to rows drawn', measured: median(sorts), atMost: AT_MOST_MS, unit: 'ms', detail: `median of ${sorts.length} columns (longest ${Math.max(...sorts).toFixed(0)} ms)` }
  yield* measureParallel(page, address)
}

/** Of 5,000 lines: from the view asked for to the frame that shows them, and what a brush costs while it is drawn and when it is let go. */
async function* measureParallel(page: Page, address: URL): AsyncGenerator<Figure> {
  // A canvas that has a size is drawn by then.
  await page.addInitScript(drawnAfterClick('parallelDrawn', `(document.querySelector('section[aria-label="Parallel axes"] canvas')?.width ?? 0) > 0`))
  await page.goto(address.href)
  await page.locator('[role=grid][aria-label=Runs] .number').first().waitFor()
  const drawn = page.evaluate<number>('globalThis.parallelDrawn()')
  await page.getByLabel('View').getByText('Parallel').click()
  yield { name: 'parallel axes asked for to lines drawn', measured: await drawn, atMost: null, unit: 'ms', detail: `${RUNS} lines over 4 axes` }
  const axis = (await page.locator('section[aria-label="Parallel axes"] svg g').last().boundingBox())!
  const [x, top] = [axis.x + axis.width / 2, axis.y + axis.height * 0.1]
  await page.mouse.move(x, top)
  await page.mouse.down()
  await page.evaluate('{ globalThis.frameMs = []; globalThis.measuring = true; let before = null; const step = (now) => { if (before !== null) frameMs.push(now - before); before = now; if (measuring) requestAnimationFrame(step) }; requestAnimationFrame(step) }')
  for (let i = 1; i <= MOVES; i++) await page.mouse.move(x, top + (axis.height * 0.6 * i) / MOVES)
  const frames = await page.evaluate<number[]>('(measuring = false, frameMs)')
  const answered = page.evaluate<number>(`new Promise((resolve) => {
    let started = 0
    addEventListener('pointerup', () => (started = performance.now()), { once: true, capture: true })
    const observer = new MutationObserver(() => {
      observer.disconnect()
      requestAnimationFrame(() => ${afterThisFrame('resolve(performance.now() - started)')})
    })
    observer.observe(document.querySelector('.table-line .total'), { subtree: true, childList: true, characterData: true })
  })`)
  await page.mouse.up()
  yield { name: 'frames while a brush is drawn, p99', measured: quantile(frames, 0.99), atMost: null, unit: 'ms', detail: `p50 ${quantile(frames, 0.5).toFixed(1)} ms, ${frames.length} frames` }
  yield { name: 'brush let go to rows drawn', measured: await answered, atMost: AT_MOST_MS, unit: 'ms', detail: 'of the table; the lines fade in one of the next frames' }
}
const MOVES = 40

/** From the act to the end of the frame in which what it changes has been drawn anew. */
function answerMs(page: Page, changes: string, act: string): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      observer.disconnect()
      requestAnimationFrame(() => ${afterThisFrame('resolve(performance.now() - started)')})
    })
    observer.observe(document.querySelector('${changes}'), { subtree: true, childList: true, characterData: true, attributes: true })
    const started = performance.now()
    ;${act}
  })`)
}

function timed<Result>(work: () => Result): { ms: number; result: Result } {
  const times: number[] = []
  let result = work()
  for (let i = 0; i < ROUNDS; i++) {
    const started = performance.now()
    result = work()
    times.push(performance.now() - started)
  }
  return { ms: median(times), result }
}
