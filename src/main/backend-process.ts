/**
 * The backend's utility process, as the main process sees it: started on the first page that asks, started
 * again when a page asks after it ended, told to close before the app quits.
 */
import { join } from 'node:path'
import { MessageChannelMain, utilityProcess, type UtilityProcess, type WebContents } from 'electron'
import type { Start } from '../backend/first-start.ts'
import type { FromBackend, ToBackend } from './messages.ts'
import { workerProcesses } from './worker-processes.ts'

const closeMs = 5_000

export type BackendProcess = {
  /** Hands the page one end of a new channel whose other end is the backend's. Rejects where the backend cannot start. */
  connect(page: WebContents): Promise<void>
  openWorkspace(path: string): void
  close(): Promise<void>
}

export function backendProcess(start: Start): BackendProcess {
  let running: { child: UtilityProcess; ready: Promise<void> } | null = null
  let { runsDemo } = start

  const launch = () => {
    const child = utilityProcess.fork(join(import.meta.dirname, 'backend-entry.js'), [], { serviceName: 'DRIFT backend', stdio: 'inherit' })
    const { promise: ready, resolve, reject } = Promise.withResolvers<undefined>()
    const workers = workerProcesses((event) => post(child, event))
    child.on('message', (message: FromBackend) => {
      if (message.type === 'failed') return reject(new Error(message.message))
      if (message.type !== 'ready') return workers.handle(message)
      runsDemo = false
      resolve(undefined)
    })
    child.on('exit', (code) => {
      workers.killAll()
      if (running?.child === child) running = null
      reject(new Error(`the backend process ended with exit code ${code}`))
    })
    // A page waits for it below; without one the failure is told to the next that asks.
    ready.catch(() => child.kill())
    post(child, { type: 'open', workspace: start.workspace, runsDemo })
    return { child, ready }
  }

  return {
    async connect(page) {
      running ??= launch()
      const { child, ready } = running
      await ready
      if (page.isDestroyed()) return
      const { port1, port2 } = new MessageChannelMain()
      post(child, { type: 'client' }, [port1])
      page.postMessage('drift-port', null, [port2])
    },
    openWorkspace(path) {
      if (running) post(running.child, { type: 'open-workspace', path })
    },
    async close() {
      const child = running?.child
      if (!child) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      post(child, { type: 'close' })
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, closeMs))])
      child.kill()
    },
  }
}

function post(child: UtilityProcess, message: ToBackend, ports?: Electron.MessagePortMain[]): void {
  child.postMessage(message, ports)
}
