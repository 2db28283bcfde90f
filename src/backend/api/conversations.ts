import { resolve } from 'node:path'
import type { CallName, Handlers, ParsedInput } from '../../shared/contract.ts'
import { conversationThread } from '../conversations/thread.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { firstConversations } from '../storage/browse.ts'
import { getConversation } from '../storage/conversations.ts'
import { usesOf } from '../storage/lineage.ts'
import { listViews, removeView, renameView, saveView } from '../storage/saved-views.ts'
import { winningSignalsOf } from '../storage/signals.ts'

/** Rows from the start that are read without the thread: what shows while it still reads a large workspace. */
const FIRST_ROWS = 500

export function conversationsApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const thread = () => conversationThread(session)
  const changed = <Made>(made: Made): Made => {
    push({ type: 'workspace.changed', nouns: ['conversations'] })
    return made
  }
  return {
    'conversations.list': (input) => (isStart(input) ? firstConversations(db, input) : thread().perform('list', input)),
    'conversations.facets': (input) => thread().perform('facets', input),
    'conversations.tag': async (input) => changed(await thread().perform('tag', input)),
    'conversations.undoTag': async (input) => changed(await thread().perform('undoTag', input)),
    'conversations.export': ({ selection, path }) => thread().perform('export', { selection, path: resolve(workspace.exports, path) }),
    'conversations.ids': (input) => thread().perform('ids', input),
    'conversations.views': () => listViews(db),
    'conversations.saveView': ({ name, address }) => changed(saveView(db, name, address)),
    'conversations.renameView': ({ id, name }) => changed(renameView(db, id, name)),
    'conversations.removeView': ({ id, removed }) => changed(removeView(db, id, removed)),
    'conversations.get': ({ id }) => {
      const found = getConversation(db, id)
      if (found === null) throw new BackendError('not-found', `conversation: expected the id of one in this workspace, got "${id}"`)
      return { conversation: found.conversation, signals: winningSignalsOf(db, found.position), usedIn: usesOf(db, id) }
    },
  } satisfies Pick<Handlers, Extract<CallName, `conversations.${string}`>>
}

/** Whether it asks for the first rows of everything, as imported. */
function isStart({ sort, descending, offset, limit, ...filter }: ParsedInput<'conversations.list'>): boolean {
  return sort === 'imported' && !descending && offset + limit <= FIRST_ROWS && Object.values(filter).every((value) => value === undefined)
}
