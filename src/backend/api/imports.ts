import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { CallName, Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import { exportQuarantine, mendRow } from '../imports/mend-row.ts'
import { previewImport } from '../imports/preview-import.ts'
import { formatOf } from '../imports/read-conversations.ts'
import { receiveUpload } from '../imports/receive-upload.ts'
import { listImports } from '../storage/imports.ts'
import { dismissRow, pageOfQuarantinedRows, quarantinedRow, quarantineFacets } from '../storage/quarantine.ts'
import type { Session } from '../session.ts'

export function importsApi(session: Session) {
  const { workspace, push } = session
  const { path, db } = workspace
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
    'imports.quarantineFacets': (input) => quarantineFacets(db, input),
    'imports.quarantinedRow': ({ id }) => quarantinedRow(db, id),
    'imports.mend': ({ id, text }) => {
      const made = mendRow(db, id, text)
      push({ type: 'workspace.changed', nouns: 'reason' in made ? ['imports'] : ['imports', 'conversations', 'signals'] })
      return made
    },
    'imports.dismiss': ({ id, dismissed }) => {
      dismissRow(db, id, dismissed, new Date())
      push({ type: 'workspace.changed', nouns: ['imports'] })
      return { ok: true }
    },
    'imports.exportQuarantine': ({ path: file, ...filter }) => exportQuarantine(db, { ...filter, path: resolve(workspace.exports, file) }),
  } satisfies Pick<Handlers, Extract<CallName, `imports.${string}`>>
}
