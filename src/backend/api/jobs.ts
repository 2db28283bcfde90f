import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function jobsApi(_session: Session) {
  return {
    'jobs.list': () => missing('jobs.list'),
    'jobs.cancel': () => missing('jobs.cancel'),
  } satisfies Pick<Handlers, 'jobs.list' | 'jobs.cancel'>
}
