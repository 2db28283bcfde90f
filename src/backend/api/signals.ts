import type { Handlers } from '../../shared/contract.ts'
import type { Signal, SignalLabel } from '../../shared/types.ts'
import { isReaction } from '../../core/import/messages.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { getConversation } from '../storage/conversations.ts'
import type { WritableDb } from '../storage/open.ts'
import { countSignals, deleteSignal, pageOfSignals, summarizeSignals, winningSignal, writeSignals } from '../storage/signals.ts'

export function signalsApi(session: Session) {
  const { workspace: { db }, push } = session
  return {
    'signals.summary': () => summarizeSignals(db),
    'signals.list': (input) => pageOfSignals(db, input),
    'signals.run': ({ detector }) => ({ jobId: dataJobs(session).start(`signals: ${detector}`, { kind: 'signals' }).id }),
    'signals.label': ({ conversationId, turnIndex, label }) => {
      const signal = labelByHand(db, conversationId, turnIndex, label)
      push({ type: 'workspace.changed', nouns: ['signals'] })
      return { signal }
    },
  } satisfies Pick<Handlers, 'signals.summary' | 'signals.list' | 'signals.run' | 'signals.label'>
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
