/**
 * How the app answers while it works: for every kind of long work on data, a key in the review page to the frame with the
 * next turn, and a plain call to its answer, beside the same of the idle app in the same run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Page } from 'playwright'
import { WebSocket } from 'ws'
import { createDataset } from '../src/backend/storage/datasets.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { makeRng } from '../src/core/rng.ts'
import type { CallInput, CallName, CallOutput, Push, ResponseFrame } from '../src/shared/contract.ts'
import type { Job, Pair } from '../src/shared/types.ts'
import { startBrowser, startHost } from '../tests/support/headless-host.ts'
import { fillReviewWorkspace } from '../tests/support/review-workspace.ts'
import { conversationLines, makeTexts } from './conversations.ts'
import { type Figure, quantile } from './figure.ts'
import { noteKeyToItem } from './review.ts'

const TALKS = 20_000
const IMPORTED = 200_000
const PAIRS = 50_000
const PROMPTS = 1000
const DELETED = 5000
/** What takes longer is measured so long, then cancelled; what is over sooner is done again, where it can be. */
const MEASURED_MS = 5000
const KEY_EVERY_MS = 120
const CALL_EVERY_MS = 40
/** Nobody notices less. */
const AT_MOST_MS = 100

const OWN: Pair['provenance'] = { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: null, seed: null }

type Felt = { keys: number[]; calls: number[] }

export const RESPONSIVE_CASES = ['import', 'analysis', 'map', 'detector', 'training', 'build', 'lint', 'fix', 'export', 'check', 'conversations', 'tag', 'deletion'] as const
type ResponsiveCase = (typeof RESPONSIVE_CASES)[number]

export async function* measureResponsive({ cases }: { cases: readonly string[] }): AsyncGenerator<Figure> {
  const log = cases.includes('import') ? await conversationLines(IMPORTED) : ''
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = join(home, 'workspace')
  await fillReviewWorkspace(workspace, TALKS)
  const prompts = fill(workspace, home)
  const host = await startHost({ workspace, home })
  const browser = await startBrowser()
  const client = await connect(host.url)
  try {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.addInitScript("localStorage.setItem('drift.review.annotator', '\"ana\"')")
    const address = new URL(host.url)
    address.pathname = '/review'
    address.searchParams.set('target', '2000')
    await page.goto(address.href)
    await page.locator('[data-item]').waitFor()
    await page.evaluate(noteKeyToItem)

    const job = async (start: Promise<{ jobId: string }>): Promise<void> => client.jobEnded((await start).jobId)
    const { ids } = await client.call('conversations.ids', { selection: { filter: {} } })
    const works: [its: ResponsiveCase, name: string, work: () => Promise<unknown>][] = [
      ['import', `import of ${IMPORTED / 1000}k conversations`, () => job(client.call('imports.start', { files: [log] }))],
      ['analysis', 'near-duplicates and personal data', () => job(client.call('conversations.analyse', {}))],
      ['map', 'the map of conversations', () => job(client.call('conversations.makeMap', { folder: null }))],
      ['detector', 'the detector', () => job(client.call('signals.run', { detector: 'classifier' }))],
      ['training', 'training the detector on labels', () => job(client.call('signals.retrain', {}))],
      ['build', 'a dataset built of prompts', () => again((n) => client.call('datasets.build', { name: `prompts-${n}`, kind: 'prompts' }))],
      ['lint', `lint of ${PAIRS / 1000}k pairs`, () => client.call('datasets.lint', { name: 'pairs', model: null, maxLength: null })],
      ['fix', `a fix of ${PAIRS / 1000}k pairs`, () => again(() => client.call('datasets.fix', { name: 'pairs', fix: 'personal-data', model: null, maxLength: null }))],
      ['export', `export of ${PAIRS / 1000}k pairs`, () => again(() => client.call('datasets.export', { name: 'pairs', format: 'trl-parquet', path: 'pairs.parquet' }))],
      ['check', `contamination check, ${PROMPTS} prompts`, () => client.call('datasets.check', { name: 'pairs', files: [prompts] })],
      ['conversations', 'export of all conversations', () => client.call('conversations.export', { selection: { filter: {} }, path: 'all.jsonl' })],
      ['tag', 'a tag on all conversations', () => again((n) => client.call('conversations.tag', { selection: { filter: {} }, tag: 'all', on: n % 2 === 1 }))],
      ['deletion', `deletion of ${DELETED} conversations`, () => client.call('conversations.delete', { selection: { ids: ids.slice(-DELETED) } })],
    ]
    const idle = await feel(page, client, () => wait(MEASURED_MS))
    yield* figures('idle', idle, null)
    for (const [its, name, work] of works) {
      if (!cases.includes(its)) continue
      yield* figures(name, await feel(page, client, work), idle)
      // What it left to be told and asked anew is over.
      await wait(2000)
    }
  } finally {
    client.close()
    await browser.close()
    await host.stop()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function* figures(name: string, felt: Felt, idle: Felt | null): Generator<Figure> {
  const of = (what: string, ms: number[], beside: number[] | undefined): Figure => {
    const [p50, p99] = [quantile(ms, 0.5), quantile(ms, 0.99)]
    const ratio = beside === undefined ? '' : `; ${(p99 / quantile(beside, 0.99)).toFixed(2)} x the idle app's p99, ${(p50 / quantile(beside, 0.5)).toFixed(2)} x its p50`
    return { name: `${name}: ${what}`, measured: p99, atMost: AT_MOST_MS, unit: 'ms', detail: `p99 of ${ms.length}, p50 ${p50.toFixed(1)}, longest ${Math.max(...ms).toFixed(0)}${ratio}` }
  }
  yield of('key to next turn', felt.keys, idle?.keys)
  yield of('a plain call', felt.calls, idle?.calls)
}

/** Keys are pressed and calls made for as long as the work goes on; it is cancelled when that was enough. */
async function feel(page: Page, client: Client, work: () => Promise<unknown>): Promise<Felt> {
  const felt: Felt = { keys: [], calls: [] }
  let cancelled: Promise<unknown> | null = null
  let ended = false
  const asked: Promise<void>[] = []
  const ask = async (): Promise<void> => {
    const from = performance.now()
    await client.call('workspace.info', {})
    felt.calls.push(performance.now() - from)
  }
  const asking = setInterval(() => asked.push(ask()), CALL_EVERY_MS)
  const before = await page.evaluate<number>('globalThis.keyToItem.length')
  const pressing = (async () => {
    const until = performance.now() + MEASURED_MS
    for (let pressed = 0; !ended || pressed === 0; pressed++) {
      await page.keyboard.press(String(1 + (pressed % 3)))
      const from = performance.now()
      do {
        await wait(KEY_EVERY_MS)
        if (performance.now() - from > 60_000) throw new Error(`expected the next turn within a minute of label ${pressed + 1}, saw none`)
      } while ((await page.evaluate<number>('globalThis.keyToItem.length')) <= before + pressed)
      if (performance.now() > until) cancelled ??= cancelAll(client)
    }
  })()
  try {
    await work().catch((error: unknown) => {
      // Cancelled work rejects.
      if (cancelled === null) throw error
    })
  } finally {
    ended = true
    await pressing
    clearInterval(asking)
    await Promise.all([...asked, cancelled])
  }
  felt.keys = (await page.evaluate<number[]>('globalThis.keyToItem')).slice(before)
  return felt
}

/** As often as it begins within what is measured. @param work given 1, 2, 3 … */
async function again(work: (n: number) => Promise<unknown>): Promise<void> {
  const until = performance.now() + MEASURED_MS
  for (let n = 1; performance.now() < until; n++) await work(n)
}

async function cancelAll(client: Client): Promise<void> {
  const running = (await client.call('jobs.list', {})).filter(({ status }) => status === 'running')
  await Promise.all(running.map(({ id }) => client.call('jobs.cancel', { id })))
}

/** Pairs to lint and export, as long as people write them. @returns a file of prompts to look for in them */
function fill(path: string, home: string): string {
  const rng = makeRng('bench/responsive')
  const vocabulary = makeTexts(rng.next)
  const text = (least: number, most: number): string => vocabulary(rng.next, least, most)
  const rows = Array.from({ length: PAIRS }, (_, i): Pair => ({ prompt: [{ role: 'user', content: text(5, 60) }], chosen: `${text(40, 120)}${i % 10 === 0 ? ' ana.kern@inboxes.net' : ''}`, rejected: text(40, 120), task: null, provenance: OWN }))
  const { db, close } = openWorkspace(path, { create: false })
  try {
    createDataset(db, { name: 'pairs', kind: 'preference', rows, recipe: {} })
  } finally {
    close()
  }
  const file = join(home, 'prompts.jsonl')
  writeFileSync(file, rows.slice(0, PROMPTS).map(({ prompt }) => `${JSON.stringify({ prompt: prompt[0]!.content })}\n`).join(''))
  return file
}

type Client = { call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallOutput<Name>>; jobEnded(id: string): Promise<void>; close(): void }

/** Another one connected to the host, as the page is. */
async function connect(url: string): Promise<Client> {
  const { host, searchParams } = new URL(url)
  const socket = new WebSocket(`ws://${host}/ws?token=${searchParams.get('token')}`)
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>()
  const ended = new Map<string, Job>()
  const endings = new Map<string, () => void>()
  let asked = 0
  const hear = (push: Push): void => {
    if (push.type !== 'job' || push.job.status === 'running' || push.job.status === 'queued') return
    ended.set(push.job.id, push.job)
    endings.get(push.job.id)?.()
  }
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ResponseFrame
    if ('push' in frame) return hear(frame.push)
    const { resolve, reject } = waiting.get(frame.id)!
    waiting.delete(frame.id)
    if ('error' in frame) reject(new Error(frame.error.message))
    else resolve(frame.ok)
  })
  return {
    call: <Name extends CallName>(call: Name, input: CallInput<Name>) =>
      new Promise<CallOutput<Name>>((resolve, reject) => {
        // The contract types the answer by the call's name; the frame on the wire cannot.
        waiting.set(++asked, { resolve: (output) => resolve(output as CallOutput<Name>), reject })
        socket.send(JSON.stringify({ id: asked, call, input }))
      }),
    async jobEnded(id) {
      if (!ended.has(id)) await new Promise<void>((resolve) => endings.set(id, resolve))
      const { status, title, error } = ended.get(id)!
      if (status === 'failed') throw new Error(`expected ${title} to run, it failed: ${error}`)
    },
    close: () => socket.close(),
  }
}
