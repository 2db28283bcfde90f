import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function signalsApi(_session: Session) {
  return {
    'signals.summary': () => missing('signals.summary'),
    'signals.list': () => missing('signals.list'),
    'signals.run': () => missing('signals.run'),
    'signals.label': () => missing('signals.label'),
  } satisfies Pick<Handlers, 'signals.summary' | 'signals.list' | 'signals.run' | 'signals.label'>
}
