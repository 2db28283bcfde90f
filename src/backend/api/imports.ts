import type { Handlers } from '../../shared/contract.ts'
import { listImports, pageOfQuarantinedRows } from '../storage/imports.ts'
import type { Session } from '../session.ts'

export function importsApi({ workspace: { db } }: Session) {
  return {
    'imports.list': () => listImports(db),
    'imports.start': () => {
      throw new Error('imports.start is not built yet')
    },
    'imports.quarantine': (input) => pageOfQuarantinedRows(db, input),
  } satisfies Pick<Handlers, 'imports.list' | 'imports.start' | 'imports.quarantine'>
}
