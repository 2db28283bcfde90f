/** The processes of runs under Electron: utility processes of the main process, one per run, owned by a backend. */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { utilityProcess, type UtilityProcess } from 'electron'
import type { FromWorker } from '../backend/jobs/messages.ts'
import type { WorkerEvent, WorkerRequest } from './messages.ts'

const entry = join(import.meta.dirname, '..', 'backend', 'worker.js')

export function workerProcesses(tell: (event: WorkerEvent) => void): { handle(request: WorkerRequest): void; killAll(): void } {
  const running = new Map<number, UtilityProcess>()

  function fork({ worker, args, logFile }: Extract<WorkerRequest, { type: 'fork' }>): void {
    const child = utilityProcess.fork(entry, [JSON.stringify(args)], { serviceName: 'DRIFT run', stdio: ['ignore', 'pipe', 'pipe'] })
    running.set(worker, child)
    const log = createWriteStream(logFile, { flags: 'a' })
    // What a run prints is worth keeping, not worth ending it for.
    log.on('error', () => {})
    for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false })
    child.on('spawn', () => tell({ type: 'worker-started', worker, pid: child.pid }))
    child.on('message', (message: FromWorker) => tell({ type: 'from-worker', worker, message }))
    child.on('exit', (code) => {
      running.delete(worker)
      log.end()
      tell({ type: 'worker-ended', worker, code })
    })
  }

  return {
    handle(request) {
      const child = running.get(request.worker)
      if (request.type === 'fork') fork(request)
      else if (request.type === 'kill') child?.kill()
      else child?.postMessage(request.message)
    },
    /** Without their backend nobody hears them; what they finished is in the workspace. */
    killAll() {
      for (const child of running.values()) child.kill()
    },
  }
}
