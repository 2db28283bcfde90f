/** What a run's process and the supervisor tell each other. */
import type { CheckInput } from '../datasets/check.ts'
import type { CallError } from '../../shared/contract.ts'
import type { AnswersInput } from '../../shared/answers.ts'
import type { InspectedPair } from '../../shared/inspection.ts'
import type { AnswerSpeed } from '../answers/estimate-answers.ts'
import type { PairSource } from '../inspect/pair-source.ts'
import type { LabReport } from '../lab/context.ts'

/** How a run's process is started: one JSON argument. */
export type RunArgs = { workspace: string; runId: string; attempt: number; version: string; /** Somebody has asked for it to go on with what is there now. */ engineChange?: true }
/** The same process prepares the built-in experiment, which samples from its base model. */
export type PrepareArgs = { workspace: string; prepare: { quick: boolean; seed: number; seeds: number } }
/** And it scores pairs for the token view, asked one after the other. */
export type InspectArgs = { workspace: string; inspect: true }
/** And it embeds conversations and lays them out. */
export type MapArgs = { workspace: string; map: { folder: string | null } }
/** And it holds a dataset against evaluation prompts by meaning. */
export type CheckArgs = { workspace: string; check: CheckInput }
/** And it answers a benchmark's prompts. */
export type AnswerArgs = { workspace: string; answer: { id: string } }
/** Or draws a few tokens to measure how long that takes. */
export type MeasureArgs = { workspace: string; measure: AnswersInput }
export type WorkerArgs = RunArgs | PrepareArgs | InspectArgs | MapArgs | CheckArgs | AnswerArgs | MeasureArgs
/** Models by absolute folder. */
export type InspectRequest = { source: PairSource; policy: string; reference: string | null; beta: number; maxLength: number | null }
export type ToWorker = { type: 'stop'; requested: 'pause' | 'cancel' } | { type: 'inspect'; id: number; request: InspectRequest }
export type FromWorker = LabReport | { type: 'preparing'; stage: string; done: number; total: number } | { type: 'failed'; message: string } | { type: 'measured'; speed: AnswerSpeed } | { type: 'inspected'; id: number; pair: InspectedPair; note: string | null } | { type: 'inspect-failed'; id: number; error: CallError }

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
