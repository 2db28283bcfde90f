/** The backend's way to a run's process under Electron: asks the main process, which alone can start one. */
import type { ForkWorker, FromWorker } from '../backend/jobs/messages.ts'
import type { WorkerEvent, WorkerRequest } from './messages.ts'

type OnExit = Parameters<ReturnType<ForkWorker>['onExit']>[0]
type Listeners = { started(pid: number | undefined): void; message(message: FromWorker): void; ended: OnExit }

export function forkThroughMain(ask: (request: WorkerRequest) => void): { fork: ForkWorker; receive(event: WorkerEvent): void } {
  const workers = new Map<number, Listeners>()
  let count = 0
  return {
    fork(args, logFile) {
      const worker = ++count
      let pid: number | undefined
      const listeners: Listeners = { started: (known) => (pid = known), message: () => {}, ended: () => {} }
      workers.set(worker, listeners)
      ask({ type: 'fork', worker, args, logFile })
      return {
        get pid() {
          return pid
        },
        send: (message) => ask({ type: 'to-worker', worker, message }),
        onMessage: (listener) => void (listeners.message = listener),
        onExit: (listener) => void (listeners.ended = listener),
        kill: () => ask({ type: 'kill', worker }),
      }
    },
    receive(event) {
      const listeners = workers.get(event.worker)
      if (!listeners) return
      if (event.type === 'worker-started') return listeners.started(event.pid)
      if (event.type === 'from-worker') return listeners.message(event.message)
      workers.delete(event.worker)
      listeners.ended(event.code, null, null)
    },
  }
}
