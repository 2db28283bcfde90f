/** A run's process under Node. */
import { fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Session } from '../session.ts'
import type { ForkWorker, FromWorker } from './messages.ts'

const ENTRY = fileURLToPath(new URL('../worker.ts', import.meta.url))

/**
 * Behind an interface a run gets a session of its own: Linux shares cores among sessions first and heeds niceness
 * within one only (autogroup), so that a run beside its host would take as much as the browser that shows it.
 * From the command line it stays in the caller's process group: who kills the group kills the run.
 */
export const forkFor = (host: Session['host']): ForkWorker => (args, logFile) => forkModule(ENTRY, args, logFile, host === 'server')

/** @param entry a module that ends in `runWorker`; tests have one with another engine. */
export function forkModule(entry: string, args: Parameters<ForkWorker>[0], logFile: string, detached = false): ReturnType<ForkWorker> {
  const log = openSync(logFile, 'a')
  const child = fork(entry, [JSON.stringify(args)], { execArgv: [], detached, stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  let ended = false
  return {
    pid: child.pid,
    send(message) {
      if (child.connected) child.send(message, () => {})
    },
    onMessage: (listener) => void child.on('message', (message) => listener(message as FromWorker)),
    onExit(listener) {
      const end = (code: number | null, signal: NodeJS.Signals | null, error: string | null): void => {
        if (ended) return
        ended = true
        listener(code, signal, error)
      }
      child.on('error', (error) => {
        if (child.pid === undefined) end(null, null, error.message)
      })
      child.on('exit', (code, signal) => end(code, signal, null))
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
