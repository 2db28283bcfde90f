/**
 * The interface in a real Chromium on the headless host: how soon it answers after the backend is up, and how
 * promptly keys are answered while the full experiment trains on the same cores.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { afterThisFrame } from './drawn.ts'
import { type Figure, quantile } from './figure.ts'
import { residentBytes } from './memory.ts'

const LOADS = 7
const KEYS_PER_PAGE = 120
/** A person stepping through a list presses ten a second. */
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
    await page.getByRole('button', { name: /^Full size/ }).click()
    const drift = page.getByRole('region', { name: 'Methods' }).getByRole('link', { name: 'DRIFT', exact: true })
    await drift.waitFor({ timeout: EXPERIMENT_MS })
    await drift.click()
    await page.waitForURL(/\/runs\//)
    const run = new URL(page.url()).pathname
    const training = await latencies(page, host.url, run)
    if (!(await isTraining(page))) throw new Error('expected training to go on until the last key, it has ended')
    await page.goto(new URL('/', host.url).href)
    await page.getByRole('main').getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('region', { name: 'Result' }).waitFor({ timeout: EXPERIMENT_MS })
    const rest = await latencies(page, host.url, run)
    for (const [what, ms] of Object.entries(training)) {
      yield { name: `${what}, training`, measured: quantile(ms, 0.99), atMost: what === MAKING_CHARTS ? null : 50, unit: 'ms', detail: `p99 of key to frame: ${describe(ms)}; without training ${describe(rest[what] ?? [])}` }
    }
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

const MAKING_CHARTS = 'switching tabs of a run'

/** Ms from key to frame: typing over a live run's page, stepping through conversations with the reader open, and making six charts. */
async function latencies(page: Page, url: string, run: string): Promise<Record<string, number[]>> {
  const open = async (path: string, ready: Locator): Promise<void> => {
    await page.goto(new URL(path, url).href)
    await ready.waitFor()
    await page.waitForTimeout(1_500)
  }
  await open(run, page.getByRole('tab', { name: 'Curves' }))
  await page.keyboard.press('Control+k')
  const typing = await press(page, ['d', 'r', 'i', 'f', 't', 'Backspace', 'Backspace', 'Backspace', 'Backspace', 'Backspace'])
  await open(run, page.getByRole('tab', { name: 'Curves' }))
  const switching = await press(page, ['2', '1', '3', '1', '4', '1'])
  await open('/conversations', page.getByRole('grid', { name: 'Conversations' }).getByRole('row').nth(5))
  const stepping = await press(page, ['j', 'j', 'j', 'k'])
  return { 'typing over a run page': typing, 'stepping through conversations': stepping, [MAKING_CHARTS]: switching }
}

// From the browser's own time stamp of the key event to the end of the frame that shows its effect: handlers,
// Vue's update, style, layout and paint are over when the message posted in the frame's callback arrives.
const listen = `
  globalThis.keyLatencies = []
  addEventListener('keydown', ({ timeStamp }) => requestAnimationFrame(() => ${afterThisFrame('globalThis.keyLatencies.push(performance.now() - timeStamp)')}), { capture: true })`

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

const isTraining = async (page: Page): Promise<boolean> => (await page.getByRole('region', { name: 'Jobs' }).getByRole('button', { name: /^Cancel/ }).count()) > 0

const describe = (ms: number[]): string => `p50 ${quantile(ms, 0.5).toFixed(0)}, p95 ${quantile(ms, 0.95).toFixed(0)}, p99 ${quantile(ms, 0.99).toFixed(0)}, longest ${Math.max(...ms).toFixed(0)} of ${ms.length}`
