import { cpSync, mkdtempSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, turns } from '../../../tests/support/workspace.ts'
import { importLog } from '../../../tests/support/import-log.ts'
import type { Push } from '../../shared/contract.ts'
import type { Job } from '../../shared/types.ts'
import { openBackend } from '../index.ts'
import { openWorkspace } from '../storage/open.ts'

process.env['DRIFT_HOME'] = mkdtempSync(join(tmpdir(), 'drift-test-home-'))
const model = join(import.meta.dirname, '..', '..', '..', 'tests', 'reference', 'sentence-encoder')

test('making the map is a job that can be cancelled and started again; a model that cannot be opened fails it, says why, and leaves the map', async () => {
  const path = aFolder()
  const workspace = openWorkspace(path)
  await importLog(workspace, Array.from({ length: 1500 }, (_, i) => ({ messages: turns(`question ${i} about lamps`, `answer ${i}`) })))
  workspace.close()
  const backend = await openBackend({ workspace: path, host: 'cli' })
  onTestFinished(() => backend.close())
  const told: Job[] = []
  backend.subscribe((push: Push) => void (push.type === 'job' && told.push(push.job)))
  const ended = (id: string) => expect.poll(() => told.findLast((job) => job.id === id), { timeout: 60_000 })

  await expect(backend.call('conversations.makeMap', { folder: '/nowhere' })).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('found nothing at /nowhere') as string })
  const first = await backend.call('conversations.makeMap', { folder: null })
  expect((await backend.call('jobs.list', {})).find(({ id }) => id === first.jobId)).toMatchObject({ kind: 'map', status: 'running' })
  await expect(backend.call('conversations.makeMap', { folder: model })).rejects.toThrow('another map is being made')
  expect(await backend.call('jobs.cancel', { id: first.jobId })).toMatchObject({ status: 'cancelled', error: null })
  expect(await backend.call('conversations.map', {})).toMatchObject({ key: null, waiting: 1500 })

  await ended((await backend.call('conversations.makeMap', { folder: null })).jobId).toMatchObject({ status: 'done' })
  const made = await backend.call('conversations.map', {})
  expect(made).toMatchObject({ points: 1500, waiting: 0, embedding: { kind: 'lexical' } })

  const damaged = aFolder()
  cpSync(model, damaged, { recursive: true })
  truncateSync(join(damaged, 'model.onnx'), 5000)
  await ended((await backend.call('conversations.makeMap', { folder: damaged })).jobId).toMatchObject({ status: 'failed', error: expect.stringContaining(`expected an ONNX model in ${join(damaged, 'model.onnx')}`) as string })
  expect(await backend.call('conversations.map', {})).toEqual(made)
}, 150_000)
