import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function conversationsApi(_session: Session) {
  return {
    'conversations.list': () => missing('conversations.list'),
    'conversations.facets': () => missing('conversations.facets'),
    'conversations.get': () => missing('conversations.get'),
  } satisfies Pick<Handlers, 'conversations.list' | 'conversations.facets' | 'conversations.get'>
}
