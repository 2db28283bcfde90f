import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import { formatNamed } from '../imports/read-conversations.ts'
import { listImports, pageOfQuarantinedRows } from '../storage/imports.ts'
import type { Session } from '../session.ts'

export function importsApi(session: Session) {
  const { path, db } = session.workspace
  return {
    'imports.list': () => listImports(db),
    'imports.start': ({ files, format }) => {
      const paths = files.map((file) => resolve(path, file))
      const missing = paths.filter((file) => !existsSync(file))
      if (missing.length > 0) throw new BackendError('bad-input', `import: expected files, found none at ${missing.join(', ')}`)
      if (format !== undefined) formatNamed(format)
      const job = dataJobs(session).start(`import ${paths.map((file) => basename(file)).join(', ')}`, { kind: 'import', files: paths, format })
      return { jobId: job.id }
    },
    'imports.quarantine': (input) => pageOfQuarantinedRows(db, input),
  } satisfies Pick<Handlers, 'imports.list' | 'imports.start' | 'imports.quarantine'>
}
