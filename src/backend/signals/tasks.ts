/** What reads every signal of a workspace. In a thread (`thread.ts`), since two million take seconds. */
import type { CallOutput, ParsedInput } from '../../shared/contract.ts'
import type { Detector } from '../../shared/datasets.ts'
import type { WritableDb } from '../storage/open.ts'
import { openQueue, type QueueRequest } from '../storage/review-queue.ts'
import { pageOfSignals, summarizeSignals } from '../storage/signals.ts'
import { countLabels, thresholdBench } from '../storage/threshold.ts'

export type Tasks = {
  summary: { input: null; output: CallOutput<'signals.summary'> }
  list: { input: ParsedInput<'signals.list'>; output: CallOutput<'signals.list'> }
  threshold: { input: Detector; output: CallOutput<'signals.threshold'> }
  labels: { input: null; output: ReturnType<typeof countLabels> }
  /** Gives the queue's id. */
  queue: { input: { request: QueueRequest; fresh: boolean }; output: number }
}

export function signalTasks(db: WritableDb): { [Name in keyof Tasks]: (input: Tasks[Name]['input']) => Tasks[Name]['output'] | Promise<Tasks[Name]['output']> } {
  return {
    summary: () => summarizeSignals(db),
    list: (input) => pageOfSignals(db, input),
    threshold: (detector) => thresholdBench(db, detector),
    labels: () => countLabels(db),
    queue: ({ request, fresh }) => openQueue(db, request, fresh, new Date()),
  }
}
