import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function importsApi(_session: Session) {
  return {
    'imports.list': () => missing('imports.list'),
    'imports.start': () => missing('imports.start'),
    'imports.quarantine': () => missing('imports.quarantine'),
  } satisfies Pick<Handlers, 'imports.list' | 'imports.start' | 'imports.quarantine'>
}
