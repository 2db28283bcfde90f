/**
 * The conversations page over a million of them in a real Chromium on the headless host: how soon the first rows stand
 * there, and the frames of scrolling and jumping beside those of a bare virtual table of static rows.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { browseWorkspace } from './browse-workspace.ts'
import { afterThisFrame } from './drawn.ts'
import { type Figure, median, quantile } from './figure.ts'
import { CONVERSATIONS } from './search.ts'

const LOADS = 5
const RUNS = 3
/** Long past the frame that is timed. */
const SETTLED_MS = 1000
const VIEWPORT = { width: 1440, height: 900 }

export async function* measureBrowse(): AsyncGenerator<Figure> {
  const workspace = await browseWorkspace(CONVERSATIONS)
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  try {
    const address = new URL(host.url)
    address.pathname = '/conversations'
    const page = await (await browser.newContext({ viewport: VIEWPORT })).newPage()
    await page.addInitScript(noteFirstRows)
    const loads: number[] = []
    for (let i = 0; i < LOADS; i++) {
      await page.goto(address.href)
      await page.getByRole('grid', { name: 'Conversations' }).getByRole('gridcell').nth(50).waitFor()
      await page.waitForTimeout(SETTLED_MS)
      loads.push(await page.evaluate<number>('globalThis.firstRowsMs'))
    }
    yield { name: 'page asked for to first rows', measured: median(loads), atMost: 200, unit: 'ms', detail: `median of ${LOADS} loads of /conversations (first ${loads[0]!.toFixed(0)}, longest ${Math.max(...loads).toFixed(0)} ms), ${CONVERSATIONS.toLocaleString('en-US')} conversations` }

    // The facets are there once the columns are read: what follows is scrolled in a workspace at rest.
    await page.getByTitle('wildchat').first().waitFor({ timeout: 60_000 })
    const bare = await (await browser.newContext({ viewport: VIEWPORT })).newPage()
    await bare.setContent(bareTable)
    const ours: number[][] = []
    const theirs: number[][] = []
    for (let run = 0; run < RUNS; run++) {
      ours.push(await scrollFrames(page, '[role=grid][aria-label=Conversations]'))
      theirs.push(await scrollFrames(bare, '#table'))
    }
    const p99 = (runs: number[][]): number[] => runs.map((frames) => quantile(frames, 0.99))
    const describe = (runs: number[][]): string => `p99 ${p99(runs).map((ms) => ms.toFixed(1)).join(', ')}, p50 ${median(runs.map((frames) => quantile(frames, 0.5))).toFixed(1)}, longest ${Math.max(...runs.flat()).toFixed(0)} ms`
    yield { name: 'frames of scrolling and jumping', measured: median(p99(ours)), atMost: null, unit: 'ms', detail: `median of ${RUNS} runs of ${FRAMES} frames, every ${JUMP_EVERY}th a jump: ${describe(ours)}; a bare table of static rows ${describe(theirs)}` }
    yield { name: 'frames / a bare table of static rows', measured: median(p99(ours)) / median(p99(theirs)), atMost: 1.3, unit: 'x', detail: 'of both p99, by turns' }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

// From the start of the navigation to the end of the frame that shows rows with text.
const noteFirstRows = `
  addEventListener('DOMContentLoaded', () => new MutationObserver((_, observer) => {
    if (document.querySelector('[role=grid][aria-label=Conversations] [role=gridcell]:not(.waiting)') === null) return
    observer.disconnect()
    requestAnimationFrame(() => ${afterThisFrame('(globalThis.firstRowsMs = performance.now())')})
  }).observe(document.body, { subtree: true, childList: true }))`

const FRAMES = 400
const JUMP_EVERY = 20
const STEP_PX = 350

/** Ms between frames while every frame scrolls on by twelve rows, or jumps by a seventh of the table and back to its start. */
function scrollFrames(page: Page, selector: string): Promise<number[]> {
  return page.evaluate<number[]>(`new Promise((resolve) => {
    const table = document.querySelector('${selector}')
    table.scrollTop = 0
    const frames = []
    let before = null
    const step = (now) => {
      if (before !== null) frames.push(now - before)
      before = now
      if (frames.length === ${FRAMES}) return resolve(frames)
      const jump = frames.length % ${JUMP_EVERY} === ${JUMP_EVERY - 1}
      const to = table.scrollTop + (jump ? table.scrollHeight / 7 : ${STEP_PX})
      table.scrollTop = to > table.scrollHeight - table.clientHeight ? 0 : to
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })`)
}

/** As few parts as a virtual table can have: rows in sight, written anew whenever it scrolls, with texts that are there already. */
const bareTable = `
  <style>body { margin: 0; font: 13px sans-serif } #table { height: 860px; overflow: auto; position: relative } #window { position: absolute; inset: 0 0 auto; will-change: transform }
  .row { display: grid; grid-template-columns: 92px minmax(0, 1fr) 62px 92px 150px 130px; height: 28px; line-height: 28px } .row div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }</style>
  <div id="table"><div style="height: ${CONVERSATIONS * 28}px"></div><div id="window"></div></div>
  <script>
    const table = document.getElementById('table'), drawn = document.getElementById('window')
    const text = 'what a user asked of a model, and how it went on '.repeat(4)
    const draw = () => {
      const first = Math.floor(table.scrollTop / 28)
      drawn.style.transform = 'translateY(' + first * 28 + 'px)'
      drawn.innerHTML = Array.from({ length: 34 }, (_, i) => '<div class="row"><div>' + (first + i) + '</div><div>' + text + '</div><div>5</div><div>2,512</div><div>gpt-4-0314</div><div>wildchat</div></div>').join('')
    }
    table.addEventListener('scroll', draw, { passive: true })
    draw()
  </script>`
