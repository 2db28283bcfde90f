/** A run's process under Node. It stays in the caller's process group: who kills the group kills the run. */
import { fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ForkWorker, FromWorker } from './messages.ts'

const ENTRY = fileURLToPath(new URL('../worker.ts', import.meta.url))

export const forkNode: ForkWorker = (args, logFile) => forkModule(ENTRY, args, logFile)

/** @param entry a module that ends in `runWorker`; tests have one with another engine. */
export function forkModule(entry: string, args: Parameters<ForkWorker>[0], logFile: string): ReturnType<ForkWorker> {
  const log = openSync(logFile, 'a')
  const child = fork(entry, [JSON.stringify(args)], { execArgv: [], stdio: ['ignore', log, log, 'ipc'] })
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
