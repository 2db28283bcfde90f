/** Runs a local detector over a workspace: one signal per answered turn, some thousand conversations a transaction. */
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { SignalLabel } from '../../shared/types.ts'
import { withLongLog, type ReadableDb, type WritableDb } from '../storage/open.ts'
import { LABEL_AT, VALUES_PER_SIGNAL, writeSignalValues, type SignalValues } from '../storage/signals.ts'
import { giveWay, isWrittenBeside } from '../write-turns.ts'
import type { Detector } from './detectors.ts'
import { conversationJudge, type JudgedConversations, type PositionRange } from './judge-conversations.ts'
import type { JudgeWorkerInput } from './judge-worker.ts'

export type SignalsReport = { detector: Detector['decider'] | 'judge'; version: string; conversations: number; turns: number; dissatisfied: number; satisfied: number; neutral: number; seconds: number }
/** Conversations; and turns of those that are done. */
export type SignalsProgress = { done: number; total: number; turns: number }

const BATCH_CONVERSATIONS = 1000
/** Written in one transaction: one wait for the disk, and an index page that several of them touch is written once. */
const BATCHES_WRITTEN = 4
/** Written at once while somebody labels beside it. */
const WRITTEN_BESIDE = 200
/** Fewer are judged before a thread has started. */
const WORTH_A_THREAD = 5000
/** Writing takes two thirds of the time that judging does: more threads than these would wait for it. */
const MOST_THREADS = 3
/** Batches that a thread has before it, so that it does not wait while others are written. */
const AHEAD = 4
/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './judge-worker.ts' : './judge-worker.js'

/**
 * @param threads that judge while this one writes, 0 where it does both; left out as many as the machine has cores, since a write also waits for the disk
 */
export async function runDetector(db: WritableDb, detector: Detector, options: { signal?: AbortSignal; onProgress?: (progress: SignalsProgress) => void; threads?: number } = {}): Promise<SignalsReport> {
  const started = performance.now()
  const total = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  const cores = availableParallelism()
  const { threads = total < WORTH_A_THREAD || cores === 1 ? 0 : Math.min(MOST_THREADS, cores) } = options
  const report: SignalsReport = { detector: detector.decider, version: detector.version, conversations: 0, turns: 0, dissatisfied: 0, satisfied: 0, neutral: 0, seconds: 0 }
  const idAt = db.prepare('SELECT id FROM conversations WHERE position = ?').pluck()
  const write = db.transaction((parts: readonly Part[]) => {
    const values: SignalValues = []
    let conversations = 0
    for (const { of: { positions, ids, ends, values: judged }, from, until } of parts) {
      for (let i = from; i < until; i++) {
        // One that was deleted since it was read has no signals, nor has another that came into its place.
        if (idAt.get(positions[i]) !== ids[i]) continue
        conversations += 1
        for (let at = ends[i - 1] ?? 0; at < ends[i]!; at++) values.push(judged[at]!)
      }
    }
    writeSignalValues(db, values)
    return { conversations, values }
  })
  await withLongLog(db, async () => {
    for await (const batches of judgeAll(db, detector, threads)) {
      const transactions = isWrittenBeside() ? batches.flatMap((batch) => partsOf(batch, WRITTEN_BESIDE)).map((part) => [part]) : [batches.flatMap((batch) => partsOf(batch))]
      for (const parts of transactions) {
        giveWay()
        const { conversations, values } = write.immediate(parts)
        report.conversations += conversations
        report.turns += values.length / VALUES_PER_SIGNAL
        for (let at = LABEL_AT; at < values.length; at += VALUES_PER_SIGNAL) report[values[at] as SignalLabel] += 1
      }
      options.onProgress?.({ done: report.conversations, total, turns: report.turns })
      options.signal?.throwIfAborted()
    }
  })
  report.seconds = (performance.now() - started) / 1000
  return report
}

/** Conversations of a batch by index, from inclusive, until exclusive. */
type Part = { of: JudgedConversations; from: number; until: number }

function partsOf(batch: JudgedConversations, size = batch.positions.length): Part[] {
  const parts: Part[] = []
  for (let from = 0; from < batch.positions.length; from += size) parts.push({ of: batch, from, until: Math.min(from + size, batch.positions.length) })
  return parts
}

/** Every conversation's judgements, some batches at a time in no order. */
async function* judgeAll(db: ReadableDb, detector: Detector, threads: number): AsyncGenerator<JudgedConversations[]> {
  const left = rangesOf(db)
  if (threads === 0) {
    const judge = conversationJudge(db, detector)
    for (const range of left) {
      // Lets calls be answered where this runs beside them.
      await setImmediate()
      yield [judge(range)]
    }
    return
  }
  const arrived: { by: Worker; judged: JudgedConversations }[] = []
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
    worker.on('message', (judged: JudgedConversations) => {
      arrived.push({ by: worker, judged })
      going -= 1
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
      if (failure !== null) throw failure as Error
      if (arrived.length < BATCHES_WRITTEN && going > 0) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      const batches = arrived.splice(0, BATCHES_WRITTEN)
      if (batches.length === 0) return
      for (const { by } of batches) ask(by)
      yield batches.map(({ judged }) => judged)
      // Answers of threads come in only between tasks.
      await setImmediate()
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
