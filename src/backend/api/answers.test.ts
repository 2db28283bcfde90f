import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { aJudgeServer } from '../../../tests/support/judge-server.ts'
import { aFolder } from '../../../tests/support/workspace.ts'
import { SHIPPED_BASE } from '../demo/base.ts'
import { openBackend, type Backend } from '../index.ts'

async function aBackend(): Promise<{ backend: Backend; prompts: string; start(n: number, batch: number): Promise<{ id: string; jobId: string }> }> {
  const backend = await openBackend({ workspace: join(aFolder(), 'w'), host: 'server' })
  onTestFinished(() => backend.close())
  const prompts = join(backend.workspace.path, 'prompts.json')
  const start = (n: number, batch_size: number): Promise<{ id: string; jobId: string }> => {
    writeFileSync(prompts, JSON.stringify(Array.from({ length: n }, (_, i) => ({ instruction: `write ${i} ideas`, output: `${i} ideas: walk`, generator: 'other' }))))
    return backend.call('answers.start', { answers: { benchmark: 'alpacaeval', prompts: 'prompts.json', model: SHIPPED_BASE, sampling: { batch_size, max_new_tokens: 24 } } })
  }
  return { backend, prompts, start }
}
const setOf = async (backend: Backend, id: string) => (await backend.call('answers.list', {})).find((set) => set.id === id)!
const ended = (backend: Backend, id: string) => expect.poll(async () => (await setOf(backend, id)).status, { timeout: 120_000 }).not.toBe('running')

it('a model answers in a process of its own; a judge reads the file as it is, and its figures lead back to the set', { timeout: 240_000 }, async () => {
  const { backend, prompts, start } = await aBackend()
  const { id, jobId } = await start(20, 8)
  expect(await backend.call('jobs.list', {})).toMatchObject([{ id: jobId, kind: 'evaluation', title: 'answers of base-model' }])
  await ended(backend, id)
  const set = await setOf(backend, id)
  expect(set).toMatchObject({ status: 'done', done: 20, total: 20, error: null, run: null })
  const { total, rows } = await backend.call('answers.rows', { id, offset: 5, limit: 2 })
  expect([total, rows.map(({ index, prompt }) => [index, prompt])]).toEqual([20, [[5, 'write 5 ideas'], [6, 'write 6 ideas']]])

  const { url } = await aJudgeServer()
  const judged = await backend.call('evaluations.start', { evaluation: { benchmark: 'alpacaeval', files: { outputs: set.file!.path, baseline: prompts }, judge: { url, model: 'judge-1' } } })
  const rowOf = async () => (await backend.call('evaluations.list', {})).rows.find((row) => row.id === judged.id)!
  await expect.poll(async () => (await rowOf()).status, { timeout: 30_000 }).toBe('done')
  expect(await rowOf()).toMatchObject({ model: 'base-model', figures: { n_total: 20 }, answeredBy: { id, run: null, checkpoint: null, modelHash: set.modelHash } })

  await backend.call('answers.remove', { id, removed: true })
  expect(await backend.call('answers.list', {})).toEqual([])
  await backend.call('answers.remove', { id, removed: false })
  expect(await backend.call('answers.list', {})).toMatchObject([{ id }])
})

it('cancelled, it keeps what came and resumes to the end; a second set waits its turn', { timeout: 240_000 }, async () => {
  const { backend, start } = await aBackend()
  const { id, jobId } = await start(24, 1)
  await expect(backend.call('answers.start', { answers: (await setOf(backend, id)).input })).rejects.toThrow('another set is being answered')
  await expect.poll(async () => (await setOf(backend, id)).done, { timeout: 90_000, interval: 20 }).toBeGreaterThan(0)
  expect(await backend.call('jobs.cancel', { id: jobId })).toMatchObject({ status: 'cancelled' })
  const kept = await setOf(backend, id)
  expect(kept).toMatchObject({ status: 'cancelled', error: null })
  expect(kept.done).toBeLessThan(24)
  const before = await backend.call('answers.rows', { id, limit: 5 })
  await backend.call('answers.resume', { id })
  await ended(backend, id)
  expect(await setOf(backend, id)).toMatchObject({ status: 'done', done: 24 })
  expect((await backend.call('answers.rows', { id, limit: 5 })).rows.slice(0, before.rows.length)).toEqual(before.rows)
  // The set is done a moment before its process has ended.
  await expect.poll(async () => (await backend.call('jobs.list', {}))[0]!.status, { timeout: 30_000 }).toBe('done')
  await expect(backend.call('answers.resume', { id })).rejects.toThrow('got one that is done')
})

it('tells before the start what it will take: measured on some prompts, then by what earlier answers took', { timeout: 240_000 }, async () => {
  const { backend, start } = await aBackend()
  const { id } = await start(6, 4)
  await ended(backend, id)
  const { input } = await setOf(backend, id)
  const other = { ...input, sampling: { ...input.sampling, batch_size: 3 } }
  expect(await backend.call('answers.estimate', { answers: other })).toMatchObject({ answers: 6, maxNewTokens: 24, time: null, diskBytes: 8 * (6 * 4 + 6 * 24) })
  await expect.poll(async () => (await backend.call('jobs.list', {}))[0]!.status, { timeout: 30_000 }).toBe('done')
  const measured = await backend.call('answers.measure', { answers: other })
  expect(measured.time).toMatchObject({ basis: 'measured' })
  expect(measured.time!.seconds).toBeGreaterThan(0)
  expect(await backend.call('answers.estimate', { answers: other })).toEqual(measured)
  expect((await backend.call('answers.estimate', { answers: input })).time).toEqual({ seconds: expect.closeTo((await setOf(backend, id)).seconds, 6) as number, basis: 'earlier', atMost: false })

  const ending = backend.call('answers.measure', { answers: { ...input, sampling: { ...input.sampling, batch_size: 5 } } })
  const refused = expect(ending).rejects.toThrow(/ended by what was asked next|another set is being answered/)
  await backend.call('answers.start', { answers: input })
  await refused
  await expect(backend.call('answers.measure', { answers: { ...input, sampling: { ...input.sampling, batch_size: 2 } } })).rejects.toThrow('another set is being answered')
})
