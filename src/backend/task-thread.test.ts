import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { aLabWorkspace } from '../../tests/support/lab-workspace.ts'
import type { Session } from './session.ts'
import { taskThread } from './task-thread.ts'

type Tasks = { who: { input: { ms: number }; output: number } }

it('a thread that holds nothing ends when it has had no task for a while, never during one, and another answers the next', async () => {
  const workspace = aLabWorkspace()
  const file = join(workspace.path, 'worker.mjs')
  writeFileSync(file, `import { parentPort, threadId } from 'node:worker_threads'
    parentPort.on('message', ({ id, input }) => setTimeout(() => parentPort.postMessage({ id, ok: threadId }), input.ms))`)
  const closing: (() => void | Promise<void>)[] = []
  const session: Session = { workspace, host: 'cli', version: 'test', push: () => {}, onClose: (release) => void closing.push(release) }
  const thread = taskThread<Tasks>(pathToFileURL(file), 'nothing', 'evaluation', 150)(session)
  const ask = (ms: number): Promise<number> => thread.perform('who', { ms })
  // Longer than it may be idle.
  const first = await ask(400)
  expect(await ask(0)).toBe(first)
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(await ask(0)).not.toBe(first)
  for (const close of closing) await close()
})
