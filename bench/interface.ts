/**
 * The interface in a real Chromium on the headless host: how soon it answers after the backend is up, and how
 * promptly keys are answered while the quick experiment trains on the same cores.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { type Figure, quantile } from './figure.ts'
import { residentBytes } from './memory.ts'

const LOADS = 7
const KEYS_PER_PAGE = 150
/** As fast as a held key repeats is 30 ms; a person stepping through a list presses ten a second. */
const KEY_EVERY_MS = 100
const EXPERIMENT_MS = 15 * 60_000

export async function* measureInterface(): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const started = performance.now()
  const host = await startHost({ workspace: join(home, 'workspace'), home })
  const upMs = performance.now() - started
  const browser = await startBrowser()
  try {
    const loads: number[] = []
    for (let i = 0; i < LOADS; i++) loads.push(await timeToInteractive(browser, host.url))
    yield { name: 'backend up to interface interactive', measured: quantile(loads, 0.5) / 1000, atMost: 2, unit: 's', detail: `median of ${LOADS} loads without a cache (worst ${(Math.max(...loads) / 1000).toFixed(2)} s): page asked for to palette open by key; the backend itself was up after ${(upMs / 1000).toFixed(1)} s` }

    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.goto(host.url)
    await page.getByRole('button', { name: /Run the built-in experiment/ }).click()
    const drift = page.getByRole('region', { name: 'Methods' }).getByRole('link', { name: 'DRIFT', exact: true })
    await drift.waitFor({ timeout: EXPERIMENT_MS })
    await drift.click()
    await page.waitForURL(/\/runs\//)
    const run = new URL(page.url()).pathname
    const during = await latencies(page, host.url, run)
    const stillTraining = await isTraining(page)
    yield { name: 'key to frame while training, p99', measured: quantile(during, 0.99), atMost: 50, unit: 'ms', detail: `${describe(during)}${stillTraining ? '' : '; TRAINING ENDED BEFORE THE LAST KEY'}` }

    await page.goto(new URL('/', host.url).href)
    await page.getByRole('button', { name: 'Compare in detail' }).waitFor({ timeout: EXPERIMENT_MS })
    const after = await latencies(page, host.url, run)
    yield { name: 'key to frame at rest, p99', measured: quantile(after, 0.99), atMost: null, unit: 'ms', detail: describe(after) }
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    yield { name: 'idle backend after the experiment', measured: residentBytes(host.pid) / 1e6, atMost: 300, unit: 'MB', detail: 'resident set of the host and its children, the page still open' }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** From asking for the page to the palette answering a key, in ms, in a browser context that has seen nothing. */
async function timeToInteractive(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const started = performance.now()
  await page.goto(url, { waitUntil: 'commit' })
  await page.getByRole('button', { name: /Run the built-in experiment/ }).waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('dialog').waitFor()
  const ms = performance.now() - started
  await context.close()
  return ms
}

/** Keys on the pages that do most for one: stepping through conversations with the reader open, and a live run's tabs. */
async function latencies(page: Page, url: string, run: string): Promise<number[]> {
  await page.goto(new URL('/conversations', url).href)
  await page.getByRole('grid', { name: 'Conversations' }).waitFor()
  const stepping = await press(page, ['j', 'j', 'j', 'k'])
  await page.goto(new URL(run, url).href)
  await page.getByRole('tab', { name: 'Curves' }).waitFor()
  return [...stepping, ...(await press(page, ['2', '1', '3', '1', '4', '1']))]
}

// From the browser's own time stamp of the key event to the end of the frame that shows its effect: handlers,
// Vue's update, style, layout and paint are over when the message posted in the frame's callback arrives.
const listen = `
  globalThis.keyLatencies = []
  addEventListener('keydown', ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => globalThis.keyLatencies.push(performance.now() - timeStamp)
    port2.postMessage(null)
  }), { capture: true })`

async function press(page: Page, keys: string[]): Promise<number[]> {
  await page.evaluate(listen)
  for (let i = 0; i < KEYS_PER_PAGE; i++) {
    await page.keyboard.press(keys[i % keys.length]!)
    await page.waitForTimeout(KEY_EVERY_MS)
  }
  const measured = await page.evaluate<number[]>('globalThis.keyLatencies')
  if (measured.length !== KEYS_PER_PAGE) throw new Error(`expected ${KEYS_PER_PAGE} key events in the page, got ${measured.length}`)
  return measured
}

const isTraining = async (page: Page): Promise<boolean> => (await page.getByRole('region', { name: 'Jobs' }).getByText(/Quick built-in experiment/).count()) > 0 && (await page.getByRole('region', { name: 'Jobs' }).getByRole('button', { name: /^Cancel/ }).count()) > 0

const describe = (ms: number[]): string => `n = ${ms.length} keys on conversations and a run page; p50 ${quantile(ms, 0.5).toFixed(0)}, p95 ${quantile(ms, 0.95).toFixed(0)}, longest ${Math.max(...ms).toFixed(0)} ms`
