import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile, anEmptyWorkspace, turns } from '../../../tests/support/workspace.ts'
import { importFiles } from '../imports/import-files.ts'
import { cancelJob, listJobs } from '../jobs/job-sources.ts'
import type { Session } from '../session.ts'
import { listDatasets } from '../storage/datasets.ts'
import { performTask } from './tasks.ts'
import { datasetThread } from './thread.ts'

test('a task with a title is a job that can be cancelled, and leaves nothing behind', async () => {
  const workspace = anEmptyWorkspace()
  await importFiles(workspace.db, [aJsonlFile(Array.from({ length: 50 }, (_, i) => ({ messages: turns(`question ${i}`, 'no', 'wrong', 'yes', 'thanks') })))])
  const session: Session = { workspace, host: 'cli', version: 'test', push() {}, onClose: (release) => onTestFinished(async () => release()) }
  const options = { kind: 'prompts', threshold: 0.5, dedup: 'near', heldOut: 0, splitBy: 'conversation', seed: 1 } as const
  const built = datasetThread(session).perform('build', { ...options, name: 'first' }, 'dataset first')
  const [job] = listJobs(session)
  expect(job).toMatchObject({ kind: 'dataset', title: 'dataset first', status: 'running' })
  const cancelled = cancelJob(session, job!.id)
  await expect(built).rejects.toThrow('build: cancelled; nothing was changed')
  expect(await cancelled).toMatchObject({ status: 'cancelled', error: null })
  expect(listJobs(session)).toEqual([])
  expect(listDatasets(workspace.db)).toEqual([])

  const told: [number, number, string][] = []
  expect((await performTask(workspace.db, 'build', { ...options, name: 'second' }, (...one) => void told.push(one))).rows).toBe(50)
  expect(told.filter(([, , stage]) => stage === 'reading conversations').at(-1)).toEqual([50, 50, 'reading conversations'])
  expect(told.map(([, , stage]) => stage)).toContain('comparing rows')
})

test('a thread that breaks off fails what it was asked, and the next call has one of its own', async () => {
  const workspace = { ...anEmptyWorkspace() }
  const { path } = workspace
  const session: Session = { workspace, host: 'cli', version: 'test', push() {}, onClose: (release) => onTestFinished(async () => release()) }
  const thread = datasetThread(session)
  const lint = () => thread.perform('lint', { name: 'none', model: null, maxLength: null })

  Object.assign(workspace, { path: join(aFolder(), 'gone') })
  const broken = lint()
  // Asked as soon as the first is known to have broken off, before its thread has ended.
  const next = broken.catch(() => {
    Object.assign(workspace, { path })
    return lint()
  })
  await expect(broken).rejects.toThrow(/^the work on datasets broke off: /)
  await expect(next).rejects.toThrow('expected a dataset of this workspace, got "none"')
})
