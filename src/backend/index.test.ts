import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, turns } from '../../tests/support/workspace.ts'
import type { Push } from '../shared/contract.ts'
import type { Job } from '../shared/types.ts'
import { importFiles } from './imports/import-files.ts'
import { openBackend, type Backend } from './index.ts'
import { openWorkspace } from './storage/open.ts'

process.env['DRIFT_HOME'] = mkdtempSync(join(tmpdir(), 'drift-test-home-'))

async function aBackend(workspace = aFolder()): Promise<{ backend: Backend; pushes: Push[] }> {
  const backend = await openBackend({ workspace, host: 'server' })
  onTestFinished(() => backend.close())
  const pushes: Push[] = []
  backend.subscribe((push) => pushes.push(push))
  return { backend, pushes }
}

async function ended(pushes: Push[], jobId: string): Promise<Job> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    const job = pushes.flatMap((push) => (push.type === 'job' && push.job.id === jobId && push.job.status !== 'running' ? [push.job] : [])).at(-1)
    if (job !== undefined) return job
    await setTimeout(20)
  }
  throw new Error(`job ${jobId} did not end`)
}

const log = [
  { source: 'log', messages: turns('two fruits', 'kiwi', "that's not two", 'kiwi, fig', 'thanks'), labels: [{ turn_index: 2, dsat: true, kind: 'correction' }] },
  { source: 'log', messages: turns('a joke', 'no.') },
]

test('a call with bad input, an unknown name and a missing thing reject with code and what was expected', async () => {
  const { backend } = await aBackend()
  await expect(backend.call('conversations.list', { limit: 0 })).rejects.toMatchObject({ code: 'bad-input', message: expect.stringMatching(/^conversations\.list\.limit: /) as string })
  await expect(backend.call('nothing' as 'runs.list', {})).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('got "nothing"') as string })
  await expect(backend.call('conversations.get', { id: 'x' })).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('got "x"') as string })
  await expect(backend.call('datasets.rows', { name: 'x' })).rejects.toMatchObject({ code: 'not-found' })
  await expect(backend.call('imports.start', { files: ['/nowhere'] })).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('/nowhere') as string })
})

test('the data stages, call by call: import, browse, detect, label, build, export', async () => {
  const { backend, pushes } = await aBackend()
  const { jobId } = await backend.call('imports.start', { files: [aJsonlFile([...log, 'broken'])] })
  expect(await ended(pushes, jobId)).toMatchObject({ kind: 'import', status: 'done', stage: '2 imported, 0 duplicates, 1 set aside', error: null })
  expect(pushes).toContainEqual({ type: 'workspace.changed', nouns: ['imports', 'conversations', 'signals', 'review'] })
  expect(await backend.call('imports.list', {})).toMatchObject([{ imported: 2, quarantined: 1 }])
  expect(await backend.call('imports.quarantine', {})).toMatchObject({ total: 1, rows: [{ row: 3, raw: 'broken' }] })

  const { rows } = await backend.call('conversations.list', { query: 'fruits' })
  const id = rows[0]?.id ?? ''
  const run = await backend.call('signals.run', {})
  expect(await ended(pushes, run.jobId)).toMatchObject({ kind: 'signals', status: 'done' })
  expect(await backend.call('signals.summary', {})).toMatchObject({
    answeredTurns: 2, labels: [{ label: 'dissatisfied', count: 1 }, { label: 'satisfied', count: 1 }],
    deciders: [{ decider: 'rules', version: '1', count: 2 }, { decider: 'imported', count: 1 }],
  })
  expect(await backend.call('signals.list', { label: 'satisfied' })).toMatchObject({ total: 1, rows: [{ conversationId: id, turnIndex: 4, decider: 'rules', userText: 'thanks', replyText: 'kiwi, fig', categories: ['gratitude'], evidence: { start: 0, end: 6 } }] })

  expect(await backend.call('signals.label', { conversationId: id, turnIndex: 4, label: 'neutral' })).toMatchObject({ signal: { label: 'neutral', decider: 'human' } })
  expect(await backend.call('conversations.get', { id })).toMatchObject({ conversation: { id, source: 'log' }, signals: [{ turnIndex: 2, decider: 'imported' }, { turnIndex: 4, decider: 'human' }], usedIn: [] })
  expect(await backend.call('signals.label', { conversationId: id, turnIndex: 4, label: null })).toMatchObject({ signal: { label: 'satisfied', decider: 'rules' } })
  await expect(backend.call('signals.label', { conversationId: id, turnIndex: 3, label: 'neutral' })).rejects.toMatchObject({ code: 'bad-input' })

  expect(await backend.call('datasets.build', { name: 'seeds', kind: 'preference' })).toMatchObject({ rows: 1 })
  expect(await backend.call('datasets.rows', { name: 'seeds' })).toMatchObject({ total: 1, rows: [{ chosen: 'kiwi, fig', rejected: 'kiwi' }] })
  expect(await backend.call('datasets.export', { name: 'seeds', format: 'trl-jsonl', path: 'seeds.jsonl' })).toEqual({ path: join(backend.workspace.exports, 'seeds.jsonl'), rows: 1 })
  expect(await backend.call('conversations.get', { id })).toMatchObject({ usedIn: [{ dataset: 'seeds', run: null }] })
  expect(await backend.call('workspace.info', {})).toMatchObject({ host: 'server', counts: { conversations: 2, signals: 2, datasets: 1, runs: 0 } })
})

test('another workspace opens in place of this one, is remembered, and a bad one leaves this open', async () => {
  const { backend, pushes } = await aBackend()
  const first = backend.workspace.path
  const second = join(aFolder(), 'second')
  expect(await backend.call('workspace.open', { path: second })).toMatchObject({ path: second, name: 'second' })
  expect(pushes.at(-1)).toEqual({ type: 'workspace.changed', nouns: ['workspace'] })
  expect((await backend.call('workspace.recent', {})).slice(0, 2)).toMatchObject([{ path: second, current: true }, { path: first, current: false }])
  const file = aJsonlFile([])
  await expect(backend.call('workspace.open', { path: file })).rejects.toMatchObject({ code: 'bad-input' })
  expect(backend.workspace.path).toBe(second)
  expect(await backend.call('conversations.list', {})).toEqual({ total: 0, rows: [], until: 0 })
})

test('what another process does to the workspace is pushed', async () => {
  const { backend, pushes } = await aBackend()
  const other = openWorkspace(backend.workspace.path)
  onTestFinished(() => other.close())
  await importFiles(other.db, [aJsonlFile(log)])
  for (let waited = 0; pushes.length === 0 && waited < 5000; waited += 50) await setTimeout(50)
  expect(pushes).toEqual([{ type: 'workspace.changed', nouns: ['imports', 'conversations'] }])
})

test('an import can be cancelled, and is listed as that', async () => {
  const { backend, pushes } = await aBackend()
  const rows = Array.from({ length: 30_000 }, (_, i) => ({ messages: turns(`question ${i}`, 'answer') }))
  const { jobId } = await backend.call('imports.start', { files: [aJsonlFile(rows)] })
  expect(await backend.call('jobs.list', {})).toMatchObject([{ id: jobId, status: 'running' }])
  expect(await backend.call('jobs.cancel', { id: jobId })).toMatchObject({ id: jobId, status: 'cancelled', error: null })
  expect(await ended(pushes, jobId)).toMatchObject({ status: 'cancelled' })
  expect(await backend.call('imports.list', {})).toMatchObject([{ seconds: null }])
})

test('closing while an import runs ends it, and what it wrote stays whole', async () => {
  const workspace = aFolder()
  const backend = await openBackend({ workspace, host: 'server' })
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ messages: turns(`question ${i}`, 'answer') }))
  await backend.call('imports.start', { files: [aJsonlFile(rows)] })
  await setTimeout(300)
  await backend.close()
  const { backend: again } = await aBackend(workspace)
  const { total } = await again.call('conversations.list', {})
  expect((await again.call('imports.list', {})).reduce((sum, { imported }) => sum + imported, 0)).toBe(total)
})
