/** What the main process and the backend's utility process tell each other. Ports travel beside `client`. */
import type { Start } from '../backend/first-start.ts'

export type ToBackend =
  | ({ type: 'open' } & Start)
  /** A page wants to be connected; its port comes along. */
  | { type: 'client' }
  | { type: 'open-workspace'; path: string }
  | { type: 'close' }

export type FromBackend = { type: 'ready' } | { type: 'failed'; message: string }
