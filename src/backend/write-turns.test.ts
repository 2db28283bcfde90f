import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { importFiles } from './imports/import-files.ts'
import { openBackend, type Backend } from './index.ts'
import { openDatabase, type WritableDb } from './storage/open.ts'
import { batchesInTurn, giveWay, isWrittenBeside, writeBetween } from './write-turns.ts'

const folder = mkdtempSync(join(tmpdir(), 'drift-turns-'))
let backend: Backend
/** Another connection, as a job's thread has one. */
let other: WritableDb
beforeAll(async () => {
  backend = await openBackend({ workspace: folder, host: 'cli' })
  other = openDatabase(join(folder, 'workspace.db'))
})
beforeEach(() => void (other.inTransaction && other.exec('ROLLBACK')))
afterAll(async () => {
  other.close()
  await backend.close()
  rmSync(folder, { recursive: true })
})

it('a short write waits for a long one without keeping other calls', async () => {
  other.exec('BEGIN IMMEDIATE')
  let saved = false
  const saving = backend.call('conversations.saveView', { name: 'mine', address: '?q=x' }).then(() => (saved = true))
  expect((await backend.call('workspace.info', {})).path).toBe(folder)
  await setTimeout(30)
  expect(saved).toBe(false)
  other.exec('COMMIT')
  await saving
  expect((await backend.call('conversations.views', {})).map(({ name }) => name)).toEqual(['mine'])
})

it('is written once, and what it throws is told', async () => {
  other.exec('BEGIN IMMEDIATE')
  let tried = 0
  const writing = writeBetween(backend.workspace.db, () => {
    tried += 1
    backend.workspace.db.exec("INSERT INTO saved_views (name, address) VALUES ('once', '?')")
  })
  await setTimeout(30)
  other.exec('COMMIT')
  await writing
  expect(tried).toBeGreaterThan(1)
  expect(other.prepare("SELECT count(*) FROM saved_views WHERE name = 'once'").pluck().get()).toBe(1)
  await expect(writeBetween(backend.workspace.db, () => { throw new Error('not so') })).rejects.toThrow('not so')
  expect(backend.workspace.db.pragma('busy_timeout', { simple: true })).toBe(20_000)
})

it('a thread that writes batches lets it go first, and knows of it', async () => {
  other.exec('BEGIN IMMEDIATE')
  const writing = writeBetween(backend.workspace.db, () => backend.workspace.db.exec('DELETE FROM saved_views'))
  const said: string[] = []
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     import(workerData).then(({ giveWay, isWrittenBeside }) => { parentPort.postMessage(isWrittenBeside()); giveWay(); parentPort.postMessage('went on') })`,
    { eval: true, workerData: new URL('./write-turns.ts', import.meta.url).href },
  )
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const begun = new Promise((resolve) => worker.once('message', resolve))
  worker.on('message', (message: unknown) => said.push(String(message)))
  expect(await begun).toBe(true)
  await setTimeout(50)
  expect(said).toEqual(['true'])
  other.exec('COMMIT')
  await writing
  await ended
  expect(said).toEqual(['true', 'went on'])
  expect(isWrittenBeside()).toBe(true)
})

it('a thread does not wait for a short write of its own, which comes only when it goes on', async () => {
  other.exec('BEGIN IMMEDIATE')
  const writing = writeBetween(backend.workspace.db, () => backend.workspace.db.exec('DELETE FROM saved_views'))
  const waited = vi.spyOn(Atomics, 'wait')
  giveWay()
  expect(waited).not.toHaveBeenCalled()
  waited.mockRestore()
  other.exec('COMMIT')
  await writing
})

it('batches grow while they are quick, less so while somebody writes beside, and never below the least', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  const date = vi.spyOn(Date, 'now')
  /** Sizes where an item takes so long. */
  const sizes = (count: number, ms: number): number[] =>
    Array.from(batchesInTurn(count, { least: 4, most: 40 }), ({ from, until }) => {
      now += ms * (until - from)
      return until - from
    })
  try {
    date.mockReturnValue(Date.UTC(2030))
    expect(sizes(150, 3)).toEqual([4, 8, 16, 32, 40, 20, 30])
    expect(sizes(150, 5)).toEqual([4, 8, 16, 32, 16, 32, 16, 26])
    await writeBetween(backend.workspace.db, () => undefined)
    expect(sizes(60, 2)).toEqual([4, 8, 4, 8, 4, 8, 4, 8, 4, 8])
    expect(sizes(10, 50)).toEqual([4, 4, 2])
    expect(sizes(0, 1)).toEqual([])
  } finally {
    clock.mockRestore()
    date.mockRestore()
  }
})

it('an import keeps nobody waiting who writes beside it: its batches are short, and long again afterwards', async () => {
  const batches = async (name: string): Promise<number> => {
    const file = join(folder, `${name}.jsonl`)
    writeFileSync(file, Array.from({ length: 400 }, (_, i) => `${JSON.stringify({ messages: [{ role: 'user', content: `${name} ${i}` }, { role: 'assistant', content: 'yes' }] })}\n`).join(''))
    const begun = vi.spyOn(other, 'transaction')
    expect((await importFiles(other, [file])).imported).toBe(400)
    const count = begun.mock.calls.length
    begun.mockRestore()
    return count
  }
  await writeBetween(backend.workspace.db, () => undefined)
  const beside = await batches('beside')
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 })
  try {
    expect(beside - (await batches('alone'))).toBe(2)
  } finally {
    vi.useRealTimers()
  }
})
