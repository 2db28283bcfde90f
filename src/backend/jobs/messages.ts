/** What a run's process and the supervisor tell each other. */
import type { LabReport } from '../lab/context.ts'

/** How a run's process is started: one JSON argument. */
export type RunArgs = { workspace: string; runId: string; attempt: number; version: string }
/** The same process prepares the built-in experiment, which samples from its base model. */
export type PrepareArgs = { workspace: string; prepare: { quick: boolean; seed: number; seeds: number } }
export type WorkerArgs = RunArgs | PrepareArgs
export type ToWorker = { type: 'stop'; requested: 'pause' | 'cancel' }
export type FromWorker = LabReport | { type: 'preparing'; stage: string; done: number; total: number } | { type: 'failed'; message: string }

/** The supervisor's end of a run's process, whatever made it. */
export type WorkerProcess = {
  /** Told as soon as it is known. */
  readonly pid: number | undefined
  send(message: ToWorker): void
  onMessage(listener: (message: FromWorker) => void): void
  /** Once, also where it could not be started. */
  onExit(listener: (code: number | null, signal: NodeJS.Signals | null, error: string | null) => void): void
  /** At once, without being asked. */
  kill(): void
}

/** @param logFile takes what the process prints. */
export type ForkWorker = (args: WorkerArgs, logFile: string) => WorkerProcess
