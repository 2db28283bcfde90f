import type { CallName, Handlers } from '../../shared/contract.ts'
import type { Signal, SignalLabel } from '../../shared/types.ts'
import { isReaction } from '../../core/import/messages.ts'
import { readRubric } from '../../core/judge.ts'
import { dataJobs } from '../data-jobs.ts'
import type { DataTask } from '../data-worker.ts'
import { BackendError } from '../errors.ts'
import { judgeKey, keepJudgeKey, readJudgeSettings, writeJudgeSettings } from '../judge/judge-settings.ts'
import { estimateJudge, judgeFor } from '../judge/judge-signals.ts'
import { describeClassifier } from '../signals/describe-classifier.ts'
import { thresholdBench } from '../storage/threshold.ts'
import type { Session } from '../session.ts'
import { getConversation } from '../storage/conversations.ts'
import type { WritableDb } from '../storage/open.ts'
import { countSignals, deleteSignal, pageOfSignals, summarizeSignals, winningSignal, writeSignals } from '../storage/signals.ts'

export function signalsApi(session: Session) {
  const { workspace: { db, path }, push } = session
  return {
    'signals.summary': () => summarizeSignals(db),
    'signals.list': (input) => pageOfSignals(db, input),
    'signals.run': ({ detector, limit }) => {
      // Told before the job starts: without an endpoint there is nothing to run.
      if (detector === 'judge') judgeFor(readJudgeSettings(path), path)
      const task: DataTask = detector === 'judge' ? { kind: 'signals', detector, limit } : { kind: 'signals', detector, retrain: false }
      return { jobId: dataJobs(session).start(`signals: ${detector}`, task).id }
    },
    'signals.classifier': () => describeClassifier(db, path),
    'signals.retrain': () => ({ jobId: dataJobs(session).start('classifier: training on your labels', { kind: 'signals', detector: 'classifier', retrain: true }).id }),
    'signals.threshold': ({ detector }) => thresholdBench(db, detector),
    'signals.judge': () => {
      const { baseUrl, model, rubric, concurrency, promptPrice, completionPrice } = readJudgeSettings(path)
      return { baseUrl, model, rubric, concurrency, promptPrice, completionPrice, key: judgeKey().from }
    },
    'signals.configureJudge': ({ settings, key }) => {
      readRubric(settings.rubric)
      const present = readJudgeSettings(path)
      const sameJudge = present.baseUrl === settings.baseUrl && present.model === settings.model
      writeJudgeSettings(path, { ...settings, secondsPerCall: sameJudge ? present.secondsPerCall : null })
      if (key !== undefined) keepJudgeKey(key)
      return { ok: true }
    },
    'signals.estimateJudge': ({ limit }) => {
      const settings = readJudgeSettings(path)
      return estimateJudge(db, judgeFor(settings, path), settings, limit)
    },
    'signals.label': ({ conversationId, turnIndex, label }) => {
      const signal = labelByHand(db, conversationId, turnIndex, label)
      push({ type: 'workspace.changed', nouns: ['signals'] })
      return { signal }
    },
  } satisfies Pick<Handlers, Extract<CallName, `signals.${string}`>>
}

/** A person's label on a turn, or with null its removal; returns the signal that wins then. */
function labelByHand(db: WritableDb, conversationId: string, turnIndex: number, label: SignalLabel | null): Signal | null {
  const found = getConversation(db, conversationId)
  if (found === null) throw new BackendError('not-found', `signals.label: expected the id of a conversation in this workspace, got "${conversationId}"`)
  const { position, conversation } = found
  if (!isReaction(conversation.messages, turnIndex)) {
    throw new BackendError('bad-input', `signals.label: expected the index of a user message that follows an assistant message, got ${turnIndex} of ${conversation.messages.length} messages`)
  }
  const write = db.transaction(() => {
    if (label === null) deleteSignal(db, position, turnIndex, 'human')
    else writeSignals(db, [{ conversation: position, turnIndex, label, probability: label === 'dissatisfied' ? 1 : 0, categories: [], evidence: null, decider: 'human', deciderVersion: '1' }])
    countSignals(db, [position])
    return winningSignal(db, position, turnIndex)
  })
  return write.immediate()
}
