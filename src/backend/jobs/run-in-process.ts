/** Long work of a session in a process of its own, from both sides: what crashes there ends the work and not the app. */
import { join } from 'node:path'
import type { Session } from '../session.ts'
import { openWorkspace, type Workspace } from '../storage/open.ts'
import { forkFor } from './fork.ts'
import type { FromWorker, WorkerArgs } from './messages.ts'
import type { Channel } from './run-worker.ts'

type OnProgress = (stage: string, done: number, total: number) => void

/**
 * Resolves when the work is done; aborted, its process is killed.
 * @param options `work` is what errors call it, `log` the file in `runs` that takes what it prints, `onMessage` hears what else it tells
 */
export function runInProcess(session: Session, args: WorkerArgs, { work, log, signal, onProgress, onMessage }: { work: string; log: string; signal: AbortSignal; onProgress: OnProgress; onMessage?: (message: FromWorker) => void }): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const child = (session.fork ?? forkFor(session.host))(args, join(session.workspace.runs, log))
    let failure: string | null = null
    child.onMessage((message) => {
      if (message.type === 'failed') failure = message.message
      onMessage?.(message)
      if (message.type === 'preparing') onProgress(message.stage, message.done, message.total)
    })
    const abort = (): void => child.kill()
    signal.addEventListener('abort', abort, { once: true })
    child.onExit((code, killedBy, error) => {
      signal.removeEventListener('abort', abort)
      if (code === 0 && failure === null) resolve()
      else reject(signal.aborted ? signal.reason : new Error(failure ?? error ?? `${work} ended with ${killedBy ?? `exit code ${code}`}; what it printed is in runs/${log}. Start it again to continue.`))
    })
  })
}

/** The other side: its progress goes to the parent, its failure too. */
export async function workInProcess(path: string, channel: Channel, work: (workspace: Workspace, signal: AbortSignal, onProgress: OnProgress) => Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  channel.onMessage(() => stop.abort(new Error('the work was stopped')))
  channel.onClose(() => process.exit(1))
  // Ctrl-C reaches the whole group; the parent decides what it means.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  const workspace = openWorkspace(path)
  try {
    await work(workspace, stop.signal, (stage, done, total) => void channel.send({ type: 'preparing', stage, done, total }))
  } catch (error) {
    await channel.send({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
    process.exitCode = 1
  } finally {
    workspace.close()
  }
}
