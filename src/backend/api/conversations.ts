import { resolve } from 'node:path'
import type { CallName, Handlers, ParsedInput } from '../../shared/contract.ts'
import { mapJobOf } from '../conversations/map-job.ts'
import { conversationThread } from '../conversations/thread.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { turnsLearnedFrom } from '../signals/describe-classifier.ts'
import { describeAnalysis, groupOf } from '../storage/analysis.ts'
import { firstConversations, glanceAt } from '../storage/browse.ts'
import { getConversation } from '../storage/conversations.ts'
import { deletedAt, KEPT_DAYS, pageOfDeleted, purgeConversations } from '../storage/deletion.ts'
import { usesOf } from '../storage/lineage.ts'
import { listViews, removeView, renameView, saveView } from '../storage/saved-views.ts'
import { winningSignalsOf } from '../storage/signals.ts'
import { tagsOf } from '../storage/tags.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Rows from the start that are read without the thread: what shows while it still reads a large workspace. */
const FIRST_ROWS = 500

export function conversationsApi(session: Session) {
  const { workspace, push } = session
  const { db, path } = workspace
  const thread = () => conversationThread(session)
  const first = firstConversations(db)
  const changed = <Made>(made: Made): Made => {
    push({ type: 'workspace.changed', nouns: ['conversations'] })
    return made
  }
  const moved = <Report>(report: Report): Report => {
    push({ type: 'workspace.changed', nouns: ['conversations', 'signals', 'review', 'datasets', 'workspace'] })
    return report
  }
  // Nobody waits for it: a failing disk is told by the next call.
  void purgeConversations(db, { before: new Date(Date.now() - KEPT_DAYS * DAY_MS) }).catch(() => {})
  return {
    'conversations.list': (input) => (isStart(input) ? first(input) : thread().perform('list', input)),
    'conversations.between': (input) => thread().perform('between', input),
    'conversations.facets': (input) => thread().perform('facets', input),
    'conversations.tag': async (input) => changed(await thread().perform('tag', input, 'tagging of conversations')),
    'conversations.undoTag': async (input) => changed(await thread().perform('undoTag', input, 'tags taken back')),
    'conversations.export': ({ path, ...input }) => thread().perform('export', { ...input, path: resolve(workspace.exports, path) }, 'export of conversations'),
    'conversations.ids': (input) => thread().perform('ids', input),
    'conversations.views': () => listViews(db),
    'conversations.saveView': ({ name, address }) => changed(saveView(db, name, address)),
    'conversations.renameView': ({ id, name }) => changed(renameView(db, id, name)),
    'conversations.removeView': ({ id, removed }) => changed(removeView(db, id, removed)),
    'conversations.get': ({ id }) => {
      const found = getConversation(db, id)
      if (found !== null) return { conversation: found.conversation, tags: tagsOf(db, found.position), signals: winningSignalsOf(db, found.position), usedIn: usesOf(db, id) }
      const when = deletedAt(db, id)
      throw new BackendError('not-found', when === null ? `conversation: expected the id of one in this workspace, got "${id}"` : `conversation ${id.slice(0, 12)} was deleted on ${when.slice(0, 10)}. It can be restored from the list of deleted conversations`)
    },
    'conversations.analysis': () => describeAnalysis(db),
    'conversations.analyse': () => ({ jobId: dataJobs(session).start('duplicates and personal data', { kind: 'analysis' }).id }),
    'conversations.group': ({ id }) => groupOf(db, id),
    'conversations.map': () => thread().perform('map', {}),
    'conversations.mapPoints': (input) => thread().perform('mapPoints', input),
    'conversations.mapColours': (input) => thread().perform('mapColours', input),
    'conversations.makeMap': async ({ folder }) => {
      const path = folder === null ? null : resolve(workspace.path, folder)
      // Loaded when asked for: an idle backend does without tokenizers.
      if (path !== null) (await import('../../engine/sentence-folder.ts')).readSentenceFolder(path)
      return { jobId: mapJobOf(session).start(path).id }
    },
    'conversations.glance': ({ id }) => glanceAt(db, id),
    'conversations.descent': (input) => thread().perform('descent', { ...input, learned: turnsLearnedFrom(path) }),
    'conversations.delete': async (input) => moved(await thread().perform('delete', { ...input, now: new Date() }, 'deletion of conversations')),
    'conversations.restore': async (input) => moved(await thread().perform('restore', input, 'restoring of conversations')),
    'conversations.purge': async ({ ids }) => moved({ conversations: await purgeConversations(db, { ids }) }),
    'conversations.deleted': (input) => pageOfDeleted(db, input),
  } satisfies Pick<Handlers, Extract<CallName, `conversations.${string}`>>
}

/** Whether it asks for the first rows of everything, as imported. */
function isStart({ sort, descending, offset, limit, until: _, ...filter }: ParsedInput<'conversations.list'>): boolean {
  return sort === 'imported' && !descending && offset + limit <= FIRST_ROWS && Object.values(filter).every((value) => value === undefined)
}
