/**
 * V8 collects when it needs room: what a busy minute left behind stays with a host, or one of its threads, that then has
 * nothing to do. So they collect once nobody has asked them or been told anything for a while, where that is worth a pause.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

const QUIET_MS = 4_000
/** Heap gained since the last time; collecting it takes some 50 ms. */
const WORTH_BYTES = 12e6

/** @returns what is to be called whenever something happens, and what ends it */
export function collectWhenQuiet({ quietMs = QUIET_MS, worthBytes = WORTH_BYTES } = {}): { touch(): void; end(): void } {
  // The one way to V8's collector that does not want the process started with a flag. Flags are the process's: a thread
  // leaves them alone, as setting one beside running threads may crash all, and collects where its host did so before it.
  if (isMainThread) setFlagsFromString('--expose-gc')
  const collect = runInNewContext("typeof gc === 'function' ? gc : null") as (() => void) | null
  // The start leaves its own share behind.
  let left = 0
  const timer = setTimeout(() => {
    if (collect === null || process.memoryUsage().heapTotal - left < worthBytes) return
    collect()
    left = process.memoryUsage().heapTotal
  }, quietMs).unref()
  return { touch: () => void timer.refresh(), end: () => clearTimeout(timer) }
}
