/** Ends code that came with a model (templates, regular expressions) when it does not end by itself. */
import { createContext, Script } from 'node:vm'
import type { Context } from 'node:vm'

export class TimeLimitExceeded extends Error {
  override readonly name: string = 'TimeLimitExceeded'
}

/** An end that came this close to the limit is the limit's. */
const NEARLY = 0.9
/** How many times its limit work may take on the clock where the machine is busy with something else. */
const MOST_PATIENCE = 60
/** How much longer the next try may take: the machine may be free again by then. */
const MOST_GROWTH = 4

/**
 * The result of `work`, which runs synchronously and may never return: V8 ends it, also inside a regular expression.
 * V8 counts time on the clock, of which a busy or suspended process gets little: where the limit was not used up in processor
 * time, the work begins anew with more of it, so it must leave nothing behind. Costs about 0.1 ms a call. Does not bound memory.
 * @param limitMs of processor time @throws TimeLimitExceeded, or what `work` throws.
 */
export function runWithin<Result>(limitMs: number, work: () => Result): Result {
  for (let clockMs = limitMs; ; ) {
    const before = threadMs()
    try {
      return runFor(Math.ceil(clockMs), work)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      const usedMs = threadMs() - before
      if (usedMs >= NEARLY * limitMs || clockMs >= MOST_PATIENCE * limitMs) throw new TimeLimitExceeded(`did not end within ${limitMs} ms`, { cause: error })
      clockMs = Math.min(MOST_PATIENCE * limitMs, clockMs * Math.min(MOST_GROWTH, (1.25 * limitMs) / Math.max(usedMs, 1)))
    }
  }
}

/** Processor time of this thread alone. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

let watched: { context: Context; script: Script } | undefined

function runFor<Result>(clockMs: number, work: () => Result): Result {
  watched ??= { context: createContext({ work: null }), script: new Script('work()') }
  const outer: unknown = watched.context.work
  watched.context.work = work
  try {
    return watched.script.runInContext(watched.context, { timeout: clockMs }) as Result
  } finally {
    watched.context.work = outer
  }
}
