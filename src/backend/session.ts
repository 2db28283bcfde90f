import type { Push, WorkspaceInfo } from '../shared/contract.ts'
import type { ForkWorker } from './jobs/messages.ts'
import type { Workspace } from './storage/open.ts'

/** An open workspace, as api files get it. `workspace.open` ends one session and starts another. */
export type Session = {
  readonly workspace: Workspace
  readonly host: WorkspaceInfo['host']
  readonly version: string
  /** How a run's process is started; without it as a child of Node. Electron's main process has a way of its own. */
  readonly fork?: ForkWorker
  /** Tells every connected interface. */
  push(push: Push): void
  /** Called before the database closes, last registered first: stop what still runs. */
  onClose(release: () => void | Promise<void>): void
}

/** One of its kind for each session, made when it is first asked for. */
export function perSession<T extends object>(make: (session: Session) => T): (session: Session) => T {
  const known = new WeakMap<Session, T>()
  return (session) => {
    const present = known.get(session)
    if (present !== undefined) return present
    const made = make(session)
    known.set(session, made)
    return made
  }
}
