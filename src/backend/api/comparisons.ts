import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { Session } from '../session.ts'

const missing = (name: string): never => {
  throw new BackendError('failed', `${name} is not built yet`)
}

export function comparisonsApi(_session: Session) {
  return {
    'comparisons.get': () => missing('comparisons.get'),
    'comparisons.prompts': () => missing('comparisons.prompts'),
    'comparisons.report': () => missing('comparisons.report'),
  } satisfies Pick<Handlers, 'comparisons.get' | 'comparisons.prompts' | 'comparisons.report'>
}
