/** Runs a local detector over a workspace: one signal per answered turn, in batches of one transaction each. */
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import { writeSignals } from '../storage/signals.ts'
import { giveWay, isWrittenBeside } from '../write-turns.ts'
import type { Detector } from './detectors.ts'
import { judgeConversations, type JudgedConversation, type PositionRange } from './judge-conversations.ts'
import type { JudgeWorkerInput } from './judge-worker.ts'

export type SignalsReport = { detector: Detector['decider'] | 'judge'; version: string; conversations: number; turns: number; dissatisfied: number; satisfied: number; neutral: number; seconds: number }
/** Conversations; and turns of those that are done. */
export type SignalsProgress = { done: number; total: number; turns: number }

const BATCH_CONVERSATIONS = 1000
/** Written at once while somebody labels beside it. */
const WRITTEN_BESIDE = 200
/** Fewer are judged before a thread has started. */
const WORTH_A_THREAD = 5000
/** Writing takes a fifth of the time: more threads than these would wait for it. */
const MOST_THREADS = 3
/** Batches that a thread has before it, so that it never waits for the next. */
const AHEAD = 2
/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './judge-worker.ts' : './judge-worker.js'

/** @param threads that judge beside this one; left out as many as the machine has cores for */
export async function runDetector(db: WritableDb, detector: Detector, options: { signal?: AbortSignal; onProgress?: (progress: SignalsProgress) => void; threads?: number } = {}): Promise<SignalsReport> {
  const started = performance.now()
  const total = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  const { threads = total < WORTH_A_THREAD ? 0 : Math.min(MOST_THREADS, availableParallelism() - 1) } = options
  const report: SignalsReport = { detector: detector.decider, version: detector.version, conversations: 0, turns: 0, dissatisfied: 0, satisfied: 0, neutral: 0, seconds: 0 }
  const idAt = db.prepare('SELECT id FROM conversations WHERE position = ?').pluck()
  const write = db.transaction((judged: readonly JudgedConversation[]) => {
    // One that was deleted since it was read has no signals, nor has another that came into its place.
    const present = judged.filter(({ position, id }) => idAt.get(position) === id)
    writeSignals(db, present.flatMap(({ position, turns }) => turns.map((turn) => ({ conversation: position, ...turn, decider: detector.decider, deciderVersion: detector.version }))))
    return present
  })
  for await (const judged of judgeAll(db, detector, threads)) {
    const present: JudgedConversation[] = []
    for (let from = 0, size; from < judged.length; from += size) {
      giveWay()
      size = isWrittenBeside() ? WRITTEN_BESIDE : judged.length
      present.push(...write.immediate(judged.slice(from, from + size)))
    }
    report.conversations += present.length
    for (const { turns } of present) {
      report.turns += turns.length
      for (const { label } of turns) report[label] += 1
    }
    options.onProgress?.({ done: report.conversations, total, turns: report.turns })
    options.signal?.throwIfAborted()
  }
  report.seconds = (performance.now() - started) / 1000
  return report
}

/** Every conversation's judgements, batch by batch in no order: by threads, and here whenever none of theirs is there. */
async function* judgeAll(db: ReadableDb, detector: Detector, threads: number): AsyncGenerator<JudgedConversation[]> {
  const left = rangesOf(db)
  const arrived: { by: Worker; judged: JudgedConversation[] }[] = []
  let failure: Error | null = null
  let going = 0
  let wake = (): void => {}
  const ask = (worker: Worker): void => {
    const { value: range, done } = left.next()
    if (done) return
    going += 1
    worker.postMessage(range)
  }
  const fail = (error: Error): void => {
    failure ??= error
    wake()
  }
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL(ENTRY, import.meta.url), { workerData: { database: db.name, named: detector.named, version: detector.version } satisfies JudgeWorkerInput })
    worker.on('message', (judged: JudgedConversation[]) => {
      arrived.push({ by: worker, judged })
      wake()
    })
    worker.on('error', fail)
    const exited = new Promise<void>((resolve) => worker.once('exit', () => {
      fail(new Error('a thread of the detector ended before its work did'))
      resolve()
    }))
    for (let i = 0; i < AHEAD; i++) ask(worker)
    return { worker, exited }
  })
  try {
    for (;;) {
      // Lets answers of threads in, and calls be answered where this runs beside them.
      await setImmediate()
      if (failure !== null) throw failure as Error
      const next = arrived.shift()
      if (next !== undefined) {
        going -= 1
        ask(next.by)
        yield next.judged
        continue
      }
      const { value: range, done } = left.next()
      if (!done) yield judgeConversations(db, detector, range)
      else if (going === 0) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    for (const { worker } of workers) worker.postMessage(null)
    await Promise.all(workers.map(({ exited }) => exited))
  }
}

/** Also of conversations that come in meanwhile. */
function* rangesOf(db: ReadableDb): Generator<PositionRange, undefined> {
  const newest = db.prepare('SELECT coalesce(max(position), 0) FROM conversations').pluck()
  for (let after = 0, last = 0; (last = newest.get() as number) > after; ) {
    const until = Math.min(after + BATCH_CONVERSATIONS, last)
    yield { after, until }
    after = until
  }
}
