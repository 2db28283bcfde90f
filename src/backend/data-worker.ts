/** The thread of one data job: imports files or runs the rules on a workspace, and tells how far it is. */
import { parentPort, workerData } from 'node:worker_threads'
import { importFiles } from './imports/import-files.ts'
import { runRules } from './signals/run-rules.ts'
import type { ImportReading } from '../shared/contract.ts'
import { openWorkspace } from './storage/open.ts'

export type DataTask = ({ kind: 'import'; files: string[] } & ImportReading) | { kind: 'signals' }
export type DataJobInput = { workspace: string; task: DataTask }
/** `perSecond` where `done` counts something else than what has a rate. */
export type DataJobMessage = { done: number; total: number; stage: string; perSecond?: number }

/** Shorter transactions than on the command line: the interface writes beside this. */
const BATCH_SIZE = 2000

const port = parentPort
if (port === null) throw new Error('data-worker: expected to be started as a thread')
const { workspace: path, task } = workerData as DataJobInput
const abort = new AbortController()
port.on('message', () => abort.abort())
const tell = (message: DataJobMessage): void => port.postMessage(message)

const started = performance.now()
const workspace = openWorkspace(path, { create: false })
try {
  if (task.kind === 'import') {
    const report = await importFiles(workspace.db, task.files, {
      format: task.format,
      mapping: task.mapping,
      signal: abort.signal,
      batchSize: BATCH_SIZE,
      onProgress: ({ bytesDone, bytesTotal, imported, duplicates, quarantined }) => {
        const perSecond = (imported + duplicates) / ((performance.now() - started) / 1000)
        tell({ done: bytesDone, total: bytesTotal, stage: `${imported} conversations${quarantined > 0 ? `, ${quarantined} set aside` : ''}`, perSecond })
      },
    })
    tell({ done: 1, total: 1, stage: `${report.imported} imported, ${report.duplicates} duplicates, ${report.quarantined} set aside` })
  } else {
    const report = await runRules(workspace.db, { signal: abort.signal, onProgress: ({ done, total }) => tell({ done, total, stage: 'rules' }) })
    tell({ done: report.conversations, total: report.conversations, stage: `${report.dissatisfied} dissatisfied, ${report.satisfied} satisfied` })
  }
} finally {
  workspace.close()
  port.close()
}
