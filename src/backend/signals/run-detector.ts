/** Runs a local detector over a workspace: one signal per answered turn, in batches of one transaction each. */
import { setImmediate } from 'node:timers/promises'
import { answeredTurns } from '../../core/signals.ts'
import { eachConversation } from '../storage/conversations.ts'
import type { WritableDb } from '../storage/open.ts'
import { writeSignals, type SignalWrite } from '../storage/signals.ts'
import type { Detector } from './detectors.ts'

export type SignalsReport = { detector: Detector['decider'] | 'judge'; version: string; conversations: number; turns: number; dissatisfied: number; satisfied: number; neutral: number; seconds: number }
export type SignalsProgress = { done: number; total: number }

const BATCH_CONVERSATIONS = 1000

export async function runDetector(db: WritableDb, detector: Detector, options: { signal?: AbortSignal; onProgress?: (progress: SignalsProgress) => void } = {}): Promise<SignalsReport> {
  const started = performance.now()
  const total = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  const report: SignalsReport = { detector: detector.decider, version: detector.version, conversations: 0, turns: 0, dissatisfied: 0, satisfied: 0, neutral: 0, seconds: 0 }
  let signals: SignalWrite[] = []
  let read = 0
  const flush = db.transaction(() => writeSignals(db, signals))
  const write = (): void => {
    if (read === 0) return
    flush.immediate()
    report.conversations += read
    signals = []
    read = 0
    options.onProgress?.({ done: report.conversations, total })
  }
  for (const { position, conversation } of eachConversation(db)) {
    for (const turnIndex of answeredTurns(conversation.messages)) {
      const judgement = detector.judge(conversation.messages, turnIndex, conversation.id)
      signals.push({ conversation: position, turnIndex, ...judgement, decider: detector.decider, deciderVersion: detector.version })
      report.turns += 1
      report[judgement.label] += 1
    }
    read += 1
    if (read < BATCH_CONVERSATIONS) continue
    write()
    // Lets calls in between be answered where this runs beside them.
    await setImmediate()
    options.signal?.throwIfAborted()
  }
  write()
  report.seconds = (performance.now() - started) / 1000
  return report
}
