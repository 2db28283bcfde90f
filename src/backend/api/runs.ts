import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function runsApi(_session: Session) {
  return {
    'runs.list': () => missing('runs.list'),
    'runs.get': () => missing('runs.get'),
    'runs.metrics': () => missing('runs.metrics'),
    'runs.samples': () => missing('runs.samples'),
    'runs.validate': () => missing('runs.validate'),
    'runs.start': () => missing('runs.start'),
    'runs.pause': () => missing('runs.pause'),
    'runs.resume': () => missing('runs.resume'),
    'runs.cancel': () => missing('runs.cancel'),
    'runs.note': () => missing('runs.note'),
    'runs.recipes': () => missing('runs.recipes'),
  } satisfies Pick<Handlers, 'runs.list' | 'runs.get' | 'runs.metrics' | 'runs.samples' | 'runs.validate' | 'runs.start' | 'runs.pause' | 'runs.resume' | 'runs.cancel' | 'runs.note' | 'runs.recipes'>
}
