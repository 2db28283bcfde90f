import type { CallName, Handlers } from '../../shared/contract.ts'
import { readRubric } from '../../core/rubric.ts'
import { dataJobs } from '../data-jobs.ts'
import type { DataTask } from '../data-worker.ts'
import { isSameJudge, judgeKey, keepJudgeKey, readJudgeSettings, workspaceRubric, writeJudgeSettings, writeRubric } from '../judge/judge-settings.ts'
import { estimateJudge, judgeFor } from '../judge/judge-signals.ts'
import { describeClassifier } from '../signals/describe-classifier.ts'
import { signalsThread } from '../signals/thread.ts'
import type { Session } from '../session.ts'
import { appendEntry, undoLast } from '../storage/review.ts'
import { winningSignal } from '../storage/signals.ts'
import { requireReaction } from './review.ts'

export function signalsApi(session: Session) {
  const { workspace: { db, path }, push } = session
  const thread = () => signalsThread(session)
  return {
    'signals.summary': () => thread().perform('summary', null),
    'signals.list': (input) => thread().perform('list', input),
    'signals.run': ({ detector, limit }) => {
      // Told before the job starts: without an endpoint there is nothing to run.
      if (detector === 'judge') judgeFor(readJudgeSettings(path), path)
      const task: DataTask = detector === 'judge' ? { kind: 'signals', detector, limit } : { kind: 'signals', detector, retrain: false }
      return { jobId: dataJobs(session).start(`signals: ${detector}`, task).id }
    },
    'signals.classifier': async () => describeClassifier(path, await thread().perform('labels', null)),
    'signals.retrain': () => ({ jobId: dataJobs(session).start('classifier: training on your labels', { kind: 'signals', detector: 'classifier', retrain: true }).id }),
    'signals.threshold': ({ detector }) => thread().perform('threshold', detector),
    'signals.rubric': () => workspaceRubric(path),
    'signals.saveRubric': ({ text }) => {
      const rubric = writeRubric(path, text)
      push({ type: 'workspace.changed', nouns: ['signals', 'rubric'] })
      return rubric
    },
    'signals.judge': () => {
      const { baseUrl, model, rubric, concurrency, promptPrice, completionPrice } = readJudgeSettings(path)
      return { baseUrl, model, rubric, concurrency, promptPrice, completionPrice, key: judgeKey().from }
    },
    'signals.configureJudge': ({ settings, key }) => {
      readRubric(settings.rubric)
      const present = readJudgeSettings(path)
      writeJudgeSettings(path, { ...settings, secondsPerCall: isSameJudge(present, settings) ? present.secondsPerCall : null })
      if (key !== undefined) keepJudgeKey(key)
      if (settings.rubric !== present.rubric) push({ type: 'workspace.changed', nouns: ['signals', 'rubric'] })
      return { ok: true }
    },
    'signals.estimateJudge': ({ limit }) => {
      const settings = readJudgeSettings(path)
      return estimateJudge(db, judgeFor(settings, path), settings, limit)
    },
    'signals.label': ({ conversationId, turnIndex, label, annotator }) => {
      const { conversation } = requireReaction(db, 'signals.label', conversationId, turnIndex)
      const now = new Date()
      if (label === null) undoLast(db, { annotator, pass: 'first', turn: { conversation, turnIndex } }, now)
      else appendEntry(db, { conversation, turnIndex, annotator, pass: 'first', action: 'label', label, categories: [], evidence: null, note: '', suggestion: 'shown', seconds: null }, now)
      push({ type: 'workspace.changed', nouns: ['signals', 'review'] })
      return { signal: winningSignal(db, conversation, turnIndex) }
    },
  } satisfies Pick<Handlers, Extract<CallName, `signals.${string}`>>
}
