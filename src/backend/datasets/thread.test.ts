import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, anEmptyWorkspace } from '../../../tests/support/workspace.ts'
import type { Session } from '../session.ts'
import { datasetThread } from './thread.ts'

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
