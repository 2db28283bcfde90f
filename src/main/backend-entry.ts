/** The utility process: opens the backend, then connects every page whose port it is handed. */
import { type Backend, openBackend } from '../backend/index.ts'
import { forkThroughMain } from './fork-worker.ts'
import type { FromBackend, ToBackend } from './messages.ts'
import { connectPort } from './port.ts'

const tell = (message: FromBackend) => process.parentPort.postMessage(message)
const workers = forkThroughMain(tell)
let backend: Backend | null = null

process.parentPort.on('message', (event) => {
  void receive(event.data as ToBackend, event.ports)
})

async function receive(message: ToBackend, ports: Electron.MessagePortMain[]): Promise<void> {
  switch (message.type) {
    case 'open':
      return await open(message)
    case 'client':
      if (backend && ports[0]) connectPort(backend, ports[0])
      return
    case 'open-workspace':
      await backend?.call('workspace.open', { path: message.path }).catch((error: unknown) => console.error(reason(error)))
      return
    case 'close':
      await backend?.close()
      return process.exit(0)
    default:
      workers.receive(message)
  }
}

async function open({ workspace, runsDemo }: Extract<ToBackend, { type: 'open' }>): Promise<void> {
  try {
    backend = await openBackend({ workspace, host: 'electron', fork: workers.fork })
    tell({ type: 'ready' })
  } catch (error) {
    return tell({ type: 'failed', message: reason(error) })
  }
  // The page shows it; an experiment that cannot start is no reason not to open.
  if (runsDemo) await backend.call('demo.start', { quick: true }).catch((error: unknown) => console.error(`the built-in experiment could not start: ${reason(error)}`))
}

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error))
