/** What a run's process does: works on its run, tells how far it is, and ends when told, or when nobody listens. */
import type { Engine } from '../../engine/engine.ts'
import { placeDeepspeed } from '../../engine/torch/deepspeed.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { JobProgress, MetricRow, SampleRow } from '../../shared/types.ts'
import { type LabReport, Stopped } from '../lab/context.ts'
import type { Text } from '../lab/text.ts'
import { openWorkspace } from '../storage/open.ts'
import { LeaseLost, readRunFiles } from '../storage/runs.ts'
import { executeRun } from './execute-run.ts'
import type { FromWorker, RunArgs, ToWorker } from './messages.ts'

/** The process's end of the pipe to its supervisor. */
export type Channel = {
  /** Resolves when the message is on its way. */
  send(message: FromWorker): Promise<void>
  onMessage(listener: (message: ToWorker) => void): void
  onClose(listener: () => void): void
}

const TOLD_EVERY_MS = 120

/** @param open what computes the run; it is asked once. */
export async function runWorker(args: RunArgs, channel: Channel, open: (recipe: Recipe) => Promise<Engine>, loadText?: (folder: string) => Text): Promise<void> {
  const stop = new AbortController()
  channel.onMessage((message) => {
    if (message.type === 'stop') stop.abort(new Stopped(message.requested))
  })
  // Everything finished is in the workspace: without a supervisor there is nothing to say goodbye to.
  channel.onClose(() => process.exit(1))
  // Ctrl-C reaches the whole group; the supervisor decides what it means.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  process.on('SIGTERM', () => stop.abort(new Stopped('pause')))

  const workspace = openWorkspace(args.workspace, { create: false })
  const { recipe } = readRunFiles(workspace.db, args.runId)
  const reporter = makeReporter((message) => channel.send(message))
  try {
    await executeRun({ workspace, lease: { runId: args.runId, attempt: args.attempt }, engine: await open({ ...recipe, torch: placeDeepspeed(recipe.torch, args.workspace) }), version: args.version, ...(args.engineChange && { engineChange: true }), stop, tell: reporter.tell, ...(loadText ? { loadText } : {}) })
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
  } finally {
    await reporter.flush()
    workspace.close()
  }
}

/** Many small reports as few messages: rows are gathered, of progress the newest counts. */
export function makeReporter(send: (message: FromWorker) => Promise<void>): { tell(report: LabReport): void; flush(): Promise<void> } {
  let progress: JobProgress | null = null
  let metrics: MetricRow[] = []
  let samples: SampleRow[] = []
  let timer: NodeJS.Timeout | null = null
  let toldAt = -Infinity
  let sending = Promise.resolve()
  const post = (message: FromWorker): void => {
    sending = send(message)
  }
  const flushNow = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    toldAt = performance.now()
    if (metrics.length > 0) post({ type: 'metrics', rows: metrics })
    if (samples.length > 0) post({ type: 'samples', rows: samples })
    if (progress !== null) post({ type: 'progress', progress })
    metrics = []
    samples = []
    progress = null
  }
  return {
    tell(report) {
      if (report.type === 'metrics') metrics.push(...report.rows)
      else if (report.type === 'samples') samples.push(...report.rows)
      else if (report.type === 'progress') progress = report.progress
      else {
        flushNow()
        post(report)
        return
      }
      const dueMs = toldAt + TOLD_EVERY_MS - performance.now()
      if (dueMs <= 0) flushNow()
      else timer ??= setTimeout(flushNow, dueMs)
    },
    async flush() {
      flushNow()
      await sending
    },
  }
}
