/** The torch engine's metrics on their way to the screen: from a step's row in the workspace to the frame that draws it, in a real Chromium. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { stringify } from 'yaml'
import { parseRecipe, requireRecipe } from '../src/backend/recipe-file.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { type Figure, quantile } from './figure.ts'
import { measureDrift } from './measured-process.ts'

/** In the page, before its own scripts: notes when the frame after a message with metrics has been drawn. */
const WATCH = `
globalThis.drawn = new Map()
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args)
    this.addEventListener('message', ({ data }) => {
      const { type, rows } = JSON.parse(data).push ?? {}
      if (type === 'run.metrics') requestAnimationFrame(() => requestAnimationFrame(() => rows.forEach(({ stage, step }) => drawn.set(stage + ' ' + step, Date.now()))))
    })
  }
}`

const LOOK_EVERY_MS = 4
const RUN_MS = 8 * 60_000

/** @param python what the torch engine runs on. */
export async function* measureTorchScreen(python: string): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = join(home, 'workspace')
  await measureDrift(['demo', '--prepare', '--quick', '--workspace', workspace, '--json'], { DRIFT_HOME: home })
  process.env['DRIFT_PYTHON'] = python
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  try {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.addInitScript({ content: WATCH })
    await page.goto(host.url)
    await startRun(page, host.url, readFileSync(join(workspace, 'recipes', 'drift.yaml'), 'utf8'))
    const written = await untilDone(workspace)
    const drawn = new Map(await page.evaluate<[string, number][]>('[...drawn]'))
    const ms = [...written].flatMap(([key, at]) => (drawn.has(key) ? [drawn.get(key)! - at] : []))
    if (ms.length < written.size / 2) throw new Error(`expected the page to hear of ${written.size} steps, it heard of ${ms.length}`)
    yield { name: 'torch engine: metrics to screen', measured: quantile(ms, 0.99), atMost: 500, unit: 'ms', detail: `p99 of ${ms.length} steps, row written to frame drawn; median ${quantile(ms, 0.5).toFixed(0)} ms, longest ${Math.max(...ms).toFixed(0)} ms` }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function startRun(page: Page, url: string, yaml: string): Promise<void> {
  const recipe = requireRecipe(parseRecipe(yaml))
  await page.goto(new URL('/runs?new=1', url).href)
  const text = page.getByRole('textbox', { name: 'Recipe as YAML' })
  await text.waitFor()
  await text.fill(stringify({ ...recipe, engine: 'torch' }))
  await page.getByRole('button', { name: 'Start run' }).click()
  await page.waitForURL(/\/runs\/[^?]+/)
}

/** Unix milliseconds at which each step's row was first seen in the workspace, by stage and step; all of the run. */
async function untilDone(path: string): Promise<Map<string, number>> {
  const seen = new Map<string, number>()
  const { db, close } = openWorkspace(path, { create: false })
  const rows = db.prepare('SELECT stage, step FROM run_metrics')
  const status = db.prepare('SELECT status FROM runs').pluck()
  const until = Date.now() + RUN_MS
  try {
    while (status.get() !== 'done') {
      if (Date.now() > until || status.get() === 'failed') throw new Error(`expected the run to end well within ${RUN_MS / 60_000} minutes, it is ${String(status.get())}`)
      for (const { stage, step } of rows.all() as { stage: string; step: number }[]) {
        const key = `${stage} ${step}`
        if (!seen.has(key)) seen.set(key, Date.now())
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
    // The last of them are on their way.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return seen
  } finally {
    close()
  }
}
