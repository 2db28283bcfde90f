/** The preparation's process: its progress goes to the parent, its failure too. */
import type { PrepareArgs } from '../jobs/messages.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { openWorkspace } from '../storage/open.ts'
import { planExperiment } from './experiment.ts'
import { prepareDemo } from './prepare.ts'

export async function prepareWorker({ workspace: path, prepare }: PrepareArgs, channel: Channel): Promise<void> {
  const stop = new AbortController()
  channel.onMessage(() => stop.abort(new Error('the preparation was stopped')))
  channel.onClose(() => process.exit(1))
  // Ctrl-C reaches the whole group; the parent decides what it means.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  const workspace = openWorkspace(path)
  try {
    await prepareDemo(workspace, { ...planExperiment(prepare), signal: stop.signal, onProgress: (stage, done, total) => void channel.send({ type: 'preparing', stage, done, total }) })
  } catch (error) {
    await channel.send({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
    process.exitCode = 1
  } finally {
    workspace.close()
  }
}
