import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'
import { countFacets, pageOfConversations } from '../storage/browse.ts'
import { getConversation } from '../storage/conversations.ts'
import { usesOf } from '../storage/lineage.ts'
import { winningSignalsOf } from '../storage/signals.ts'

export function conversationsApi({ workspace: { db } }: Session) {
  return {
    'conversations.list': (input) => pageOfConversations(db, input),
    'conversations.facets': (input) => countFacets(db, input),
    'conversations.get': ({ id }) => {
      const found = getConversation(db, id)
      if (found === null) throw new BackendError('not-found', `conversation: expected the id of one in this workspace, got "${id}"`)
      return { conversation: found.conversation, signals: winningSignalsOf(db, found.position), usedIn: usesOf(db, id) }
    },
  } satisfies Pick<Handlers, 'conversations.list' | 'conversations.facets' | 'conversations.get'>
}
