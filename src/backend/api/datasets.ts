import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function datasetsApi(_session: Session) {
  return {
    'datasets.list': () => missing('datasets.list'),
    'datasets.rows': () => missing('datasets.rows'),
    'datasets.build': () => missing('datasets.build'),
    'datasets.export': () => missing('datasets.export'),
  } satisfies Pick<Handlers, 'datasets.list' | 'datasets.rows' | 'datasets.build' | 'datasets.export'>
}
