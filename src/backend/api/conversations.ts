import type { CallName, Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { turnsLearnedFrom } from '../signals/describe-classifier.ts'
import { describeAnalysis, groupOf } from '../storage/analysis.ts'
import { countFacets, pageOfConversations } from '../storage/browse.ts'
import { getConversation } from '../storage/conversations.ts'
import { deletedAt, deleteConversations, descentOf, KEPT_DAYS, pageOfDeleted, purgeConversations, restoreConversations } from '../storage/deletion.ts'
import { usesOf } from '../storage/lineage.ts'
import { winningSignalsOf } from '../storage/signals.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export function conversationsApi(session: Session) {
  const { workspace: { db, path }, push } = session
  const changed = (): void => push({ type: 'workspace.changed', nouns: ['conversations', 'signals', 'review', 'datasets', 'workspace'] })
  // Nobody waits for it: a failing disk is told by the next call.
  void purgeConversations(db, { before: new Date(Date.now() - KEPT_DAYS * DAY_MS) }).catch(() => {})
  return {
    'conversations.list': (input) => pageOfConversations(db, input),
    'conversations.facets': (input) => countFacets(db, input),
    'conversations.get': ({ id }) => {
      const found = getConversation(db, id)
      if (found !== null) return { conversation: found.conversation, signals: winningSignalsOf(db, found.position), usedIn: usesOf(db, id) }
      const when = deletedAt(db, id)
      throw new BackendError('not-found', when === null ? `conversation: expected the id of one in this workspace, got "${id}"` : `conversation ${id.slice(0, 12)} was deleted on ${when.slice(0, 10)}. It can be restored from the list of deleted conversations`)
    },
    'conversations.analysis': (input) => describeAnalysis(db, input),
    'conversations.analyse': () => ({ jobId: dataJobs(session).start('duplicates and personal data', { kind: 'analysis' }).id }),
    'conversations.group': ({ id }) => groupOf(db, id),
    'conversations.descent': ({ ids }) => ({ ...descentOf(db, ids), classifierTurns: turnsLearnedFrom(path, ids) }),
    'conversations.delete': async ({ ids }) => {
      const report = await deleteConversations(db, ids, new Date())
      changed()
      return report
    },
    'conversations.restore': async ({ which }) => {
      const report = await restoreConversations(db, which)
      changed()
      return report
    },
    'conversations.purge': async ({ ids }) => {
      const conversations = await purgeConversations(db, { ids })
      changed()
      return { conversations }
    },
    'conversations.deleted': (input) => pageOfDeleted(db, input),
  } satisfies Pick<Handlers, Extract<CallName, `conversations.${string}`>>
}
