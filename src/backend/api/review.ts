import { resolve } from 'node:path'
import { summarizeAgreement } from '../../core/agreement.ts'
import { DEFAULT_GUIDELINES } from '../../core/review.ts'
import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import { exportLabels } from '../review/export-labels.ts'
import type { Session } from '../session.ts'
import { signalsThread } from '../signals/thread.ts'
import { findConversation, findReaction } from '../storage/conversations.ts'
import type { ReadableDb } from '../storage/open.ts'
import { describeQueue, nextItems, readItem, readQueue } from '../storage/review-queue.ts'
import { appendEntry, labelledTurns, pageOfLog, readGuidelines, undoLast, writeGuidelines } from '../storage/review.ts'

/** Labels come by the second; everybody who looks is told at most this often. */
const TOLD_EVERY_MS = 1000

export function reviewApi(session: Session) {
  const { workspace } = session
  const { db } = workspace
  const tell = tellCalmly(session)
  const requireQueue = (id: number) => readQueue(db, id) ?? notFound(`review.next: expected the id of a queue from review.queue, got ${id}`)

  return {
    'review.queue': async ({ fresh, ...request }) => describeQueue(db, requireQueue(await signalsThread(session).perform('queue', { request, fresh }))),
    'review.next': ({ queue: id, limit }) => {
      const queue = requireQueue(id)
      return { queue: describeQueue(db, queue), items: nextItems(db, queue, limit) }
    },
    'review.label': ({ conversationId, ...given }) => {
      const { conversation, text } = requireReaction(db, 'review.label', conversationId, given.turnIndex)
      const { evidence, label } = given
      if (evidence && !(evidence.start < evidence.end && evidence.end <= text.length)) throw new BackendError('bad-input', `review.label: expected evidence within the user's ${text.length} characters, got ${evidence.start} to ${evidence.end}`)
      const written = appendEntry(db, { ...given, conversation, action: label === null ? 'skip' : 'label' }, new Date())
      tell()
      return written
    },
    'review.undo': ({ annotator, pass }) => {
      const undone = undoLast(db, { annotator, pass }, new Date())
      if (undone === null) return { undone, item: null }
      tell()
      const conversation = findConversation(db, undone.conversationId) ?? notFound(`review.undo: conversation ${undone.conversationId} is gone`)
      return { undone, item: readItem(db, { conversation, turnIndex: undone.turnIndex }, pass) }
    },
    'review.agreement': () => summarizeAgreement(labelledTurns(db).map(({ votes }) => votes)),
    'review.log': (filter) => pageOfLog(db, filter),
    // A relative path lies in the workspace's exports folder.
    'review.export': ({ path, mask }) => exportLabels(db, resolve(workspace.exports, path), { mask }),
    'review.guidelines': ({ text }) => {
      if (text !== undefined) writeGuidelines(db, text)
      return { text: readGuidelines(db) ?? DEFAULT_GUIDELINES }
    },
  } satisfies Pick<Handlers, `review.${'queue' | 'next' | 'label' | 'undo' | 'agreement' | 'log' | 'export' | 'guidelines'}`>
}

/** The turn that a label is about. @throws BackendError where there is no such conversation or no reaction at that index. */
export function requireReaction(db: ReadableDb, call: string, conversationId: string, turnIndex: number): { conversation: number; text: string } {
  const conversation = findConversation(db, conversationId) ?? notFound(`${call}: expected the id of a conversation in this workspace, got "${conversationId}"`)
  const text = findReaction(db, conversation, turnIndex)
  if (text === null) throw new BackendError('bad-input', `${call}: expected the index of a user message that follows an assistant message, got ${turnIndex} of conversation ${conversationId}`)
  return { conversation, text }
}

function notFound(message: string): never {
  throw new BackendError('not-found', message)
}

/** Tells of changed labels once at the end of each interval in which there were some. */
function tellCalmly({ push, onClose }: Session): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  onClose(() => clearTimeout(timer))
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined
      push({ type: 'workspace.changed', nouns: ['signals', 'review'] })
    }, TOLD_EVERY_MS)
  }
}
