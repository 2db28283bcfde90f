/**
 * What the main process and the backend's utility process tell each other. Only the main process can start
 * utility processes, so runs are started through it and their messages pass through it.
 */
import type { Start } from '../backend/first-start.ts'
import type { FromWorker, ToWorker, WorkerArgs } from '../backend/jobs/messages.ts'

export type ToBackend =
  | ({ type: 'open' } & Start)
  /** A page wants to be connected; its port comes along. */
  | { type: 'client' }
  | { type: 'open-workspace'; path: string }
  | { type: 'close' }
  | WorkerEvent

export type FromBackend = { type: 'ready' } | { type: 'failed'; message: string } | WorkerRequest

/** `worker` counts the processes that this backend asked for. */
export type WorkerRequest =
  | { type: 'fork'; worker: number; args: WorkerArgs; logFile: string }
  | { type: 'to-worker'; worker: number; message: ToWorker }
  | { type: 'kill'; worker: number }

export type WorkerEvent =
  | { type: 'worker-started'; worker: number; pid: number | undefined }
  | { type: 'from-worker'; worker: number; message: FromWorker }
  | { type: 'worker-ended'; worker: number; code: number }
