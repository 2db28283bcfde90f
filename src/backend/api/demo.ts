import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function demoApi(_session: Session) {
  return {
    'demo.start': () => missing('demo.start'),
    'demo.estimate': () => missing('demo.estimate'),
  } satisfies Pick<Handlers, 'demo.start' | 'demo.estimate'>
}
