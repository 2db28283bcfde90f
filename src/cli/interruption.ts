/**
 * Ctrl-C, once for the whole program: verbs ask for the signal and stop at their next safe place.
 * The launcher, npm and the terminal may each deliver the same key press, so repeats within a second count as one.
 */
import { setTimeout } from 'node:timers'

export class Interrupted extends Error {
  override readonly name: string = 'Interrupted'
  readonly exitCode = 130
}

const controller = new AbortController()
let isWatched = false
const repeatMs = 1_000
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Aborts when the user interrupts. A verb that never asks is ended at once. */
export function interruption(): AbortSignal {
  isWatched = true
  return controller.signal
}

/** Called once, by the program. A second interruption, later than a repeat could be, ends it where it is. */
export function listenForInterruption(): void {
  let isFirst = true
  let isRepeat = false
  for (const name of signals) {
    process.on(name, () => {
      if (isRepeat) return
      if (!isFirst) process.exit(130)
      isFirst = false
      isRepeat = true
      setTimeout(() => (isRepeat = false), repeatMs).unref()
      controller.abort(new Interrupted('interrupted'))
      if (!isWatched && process.listenerCount(name) === 1) process.exit(130)
    })
  }
}
