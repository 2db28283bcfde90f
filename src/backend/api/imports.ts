import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import { previewImport } from '../imports/preview-import.ts'
import { formatOf } from '../imports/read-conversations.ts'
import { receiveUpload } from '../imports/receive-upload.ts'
import { listImports, pageOfQuarantinedRows } from '../storage/imports.ts'
import type { Session } from '../session.ts'

export function importsApi(session: Session) {
  const { path, db } = session.workspace
  const existing = (files: readonly string[]): string[] => {
    const paths = files.map((file) => resolve(path, file))
    const missing = paths.filter((file) => !existsSync(file))
    if (missing.length > 0) throw new BackendError('bad-input', `import: expected files or folders, found none at ${missing.join(', ')}`)
    return paths
  }
  return {
    'imports.list': () => listImports(db),
    'imports.preview': ({ files, ...reading }) => previewImport(existing(files), reading),
    'imports.start': ({ files, ...reading }) => {
      const paths = existing(files)
      formatOf(reading)
      const job = dataJobs(session).start(`import ${paths.map((file) => basename(file)).join(', ')}`, { kind: 'import', files: paths, ...reading })
      return { jobId: job.id }
    },
    'imports.upload': ({ base64, ...part }) => receiveUpload(path, { ...part, bytes: Buffer.from(base64, 'base64') }),
    'imports.quarantine': (input) => pageOfQuarantinedRows(db, input),
  } satisfies Pick<Handlers, 'imports.list' | 'imports.preview' | 'imports.start' | 'imports.upload' | 'imports.quarantine'>
}
