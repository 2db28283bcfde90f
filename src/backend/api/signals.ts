import type { Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import type { Session } from '../session.ts'
import { appendEntry, undoLast } from '../storage/review.ts'
import { pageOfSignals, summarizeSignals, winningSignal } from '../storage/signals.ts'
import { requireReaction } from './review.ts'

export function signalsApi(session: Session) {
  const { workspace: { db }, push } = session
  return {
    'signals.summary': () => summarizeSignals(db),
    'signals.list': (input) => pageOfSignals(db, input),
    'signals.run': ({ detector }) => ({ jobId: dataJobs(session).start(`signals: ${detector}`, { kind: 'signals' }).id }),
    'signals.label': ({ conversationId, turnIndex, label, annotator }) => {
      const { conversation } = requireReaction(db, 'signals.label', conversationId, turnIndex)
      const now = new Date()
      if (label === null) undoLast(db, { annotator, pass: 'first', turn: { conversation, turnIndex } }, now)
      else appendEntry(db, { conversation, turnIndex, annotator, pass: 'first', action: 'label', label, categories: [], evidence: null, note: '', suggestion: 'shown', seconds: null }, now)
      push({ type: 'workspace.changed', nouns: ['signals', 'review'] })
      return { signal: winningSignal(db, conversation, turnIndex) }
    },
  } satisfies Pick<Handlers, 'signals.summary' | 'signals.list' | 'signals.run' | 'signals.label'>
}
