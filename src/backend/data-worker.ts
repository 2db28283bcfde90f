/** The thread of one data job: imports files, reads conversations for duplicates and personal data, runs a detector on a workspace or trains one, makes an evaluation, and tells how far it is. */
import { parentPort, workerData } from 'node:worker_threads'
import { analyseConversations } from './analyse-conversations.ts'
import { runEvaluation } from './evaluations/run-evaluation.ts'
import { importFiles } from './imports/import-files.ts'
import { keepSecondsPerCall, readJudgeSettings } from './judge/judge-settings.ts'
import { describeUsage, judgeFor, runJudge } from './judge/judge-signals.ts'
import { detectorNamed } from './signals/detectors.ts'
import { runDetector } from './signals/run-detector.ts'
import { trainOnLabels } from './signals/train-on-labels.ts'
import type { ImportReading } from '../shared/contract.ts'
import { openWorkspace } from './storage/open.ts'

export type DataTask = ({ kind: 'import'; files: string[] } & ImportReading) | { kind: 'signals'; detector: 'rules' | 'classifier'; retrain: boolean } | { kind: 'signals'; detector: 'judge'; limit: number | null } | { kind: 'analysis' } | { kind: 'evaluation'; id: string }
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
    tell({ done: 1, total: 1, stage: `${report.imported} imported, ${report.duplicates} duplicates, ${report.quarantined} set aside${report.labels > 0 ? `, ${report.labels} labels of people` : ''}${report.deleted > 0 ? `, ${report.deleted} left out: deleted before` : ''}` })
  } else if (task.kind === 'analysis') {
    await analyseConversations(workspace.db, { signal: abort.signal, onProgress: tell })
  } else if (task.kind === 'evaluation') {
    await runEvaluation(workspace, task.id, { signal: abort.signal, onProgress: tell })
  } else if (task.detector === 'judge') {
    const settings = readJudgeSettings(path)
    const report = await runJudge(workspace.db, judgeFor(settings, path), settings, { limit: task.limit, signal: abort.signal, onProgress: (done, total, usage) => tell({ done, total, stage: describeUsage(usage, settings) }) })
    if (report.calls > 0) keepSecondsPerCall(path, settings, report.callSeconds / report.calls)
    tell({ done: report.turns, total: report.turns, stage: `${report.dissatisfied} dissatisfied, ${report.satisfied} satisfied; ${describeUsage(report, settings)}` })
  } else {
    if (task.retrain) trainOnLabels(workspace.db, path, { onProgress: (done, total) => tell({ done, total, stage: 'training on your labels' }) })
    const report = await runDetector(workspace.db, detectorNamed(task.detector, path), { batchesWritten: 1, signal: abort.signal, onProgress: ({ done, total }) => tell({ done, total, stage: task.detector }) })
    tell({ done: report.conversations, total: report.conversations, stage: `${report.dissatisfied} dissatisfied, ${report.satisfied} satisfied` })
  }
} finally {
  workspace.close()
  port.close()
}
