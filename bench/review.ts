/**
 * The review page in a real Chromium on the headless host, on a log of the size people label: how soon the next turn
 * stands there after a key, with every label on disk before it does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Page } from 'playwright'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { fillReviewWorkspace } from '../tests/support/review-workspace.ts'
import { afterThisFrame } from './drawn.ts'
import { type Figure, quantile } from './figure.ts'

const TALKS = 50_000
const LABELS = 300
/** Nobody reads faster; the turns after this one are fetched meanwhile. */
const KEY_EVERY_MS = 120

export async function* measureReview(): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = join(home, 'workspace')
  const conversations = await fillReviewWorkspace(workspace, TALKS)
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  try {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.addInitScript("localStorage.setItem('drift.review.annotator', '\"ana\"')")
    const address = new URL(host.url)
    address.pathname = '/review'
    address.searchParams.set('target', '1000')
    const asked = performance.now()
    await page.goto(address.href)
    await page.locator('[data-item]').waitFor()
    const opened = performance.now() - asked
    const ms = await labelByKey(page)
    const labels = new Database(join(workspace, 'workspace.db'), { readonly: true }).prepare("SELECT count(*) FROM annotations WHERE action = 'label'").pluck().get()
    if (labels !== LABELS) throw new Error(`expected ${LABELS} labels on disk, found ${String(labels)}`)
    const turns = `${conversations.toLocaleString('en-US')} conversations, 1,000 turns queued, uncertain first`
    yield { name: 'review: key to next item', measured: quantile(ms, 0.95), atMost: 50, unit: 'ms', detail: `p95 of key to the frame with the next turn, its label on disk: p50 ${quantile(ms, 0.5).toFixed(0)}, p99 ${quantile(ms, 0.99).toFixed(0)}, longest ${Math.max(...ms).toFixed(0)} of ${ms.length}; ${turns}` }
    yield { name: 'review: page asked for to first item', measured: opened / 1000, atMost: null, unit: 's', detail: `the queue is drawn for the first time; ${turns}` }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

// From the browser's own time stamp of the key event to the end of the frame that shows another turn: style, layout
// and paint are over when the message posted in the frame's callback arrives.
export const noteKeyToItem = `
  globalThis.keyToItem = []
  let pressedAt = null
  addEventListener('keydown', ({ timeStamp }) => (pressedAt = timeStamp), { capture: true })
  let shown = document.querySelector('[data-item]').dataset.item
  new MutationObserver(() => {
    const now = document.querySelector('[data-item]')?.dataset.item
    if (now === undefined || now === shown || pressedAt === null) return
    shown = now
    const from = pressedAt
    pressedAt = null
    requestAnimationFrame(() => ${afterThisFrame('globalThis.keyToItem.push(performance.now() - from)')})
  }).observe(document.querySelector('main'), { subtree: true, childList: true, attributes: true, attributeFilter: ['data-item'] })`

async function labelByKey(page: Page): Promise<number[]> {
  await page.evaluate(noteKeyToItem)
  for (let i = 0; i < LABELS; i++) {
    await page.keyboard.press(String(1 + (i % 3)))
    await page.waitForTimeout(KEY_EVERY_MS)
    const seen = await page.evaluate<number>('globalThis.keyToItem.length')
    if (seen !== i + 1) throw new Error(`expected the next turn within ${KEY_EVERY_MS} ms of label ${i + 1}, saw ${seen} turns follow`)
  }
  return page.evaluate<number[]>('globalThis.keyToItem')
}
