/**
 * The backend: an open workspace answering the contract's calls. Knows no Electron, no socket and no terminal;
 * the hosts carry its calls and pushes.
 */
import { readFileSync } from 'node:fs'
import { calls, type CallInput, type CallName, type CallOutput, type Handlers, type ParsedInput, type Push, type WorkspaceInfo } from '../shared/contract.ts'
import { type CapsuleInfo, WRITING_CALLS } from '../shared/capsule.ts'
import { allIssues } from '../shared/plain-issues.ts'
import { answersApi } from './api/answers.ts'
import { capsulesApi } from './api/capsules.ts'
import { comparisonsApi } from './api/comparisons.ts'
import { conversationsApi } from './api/conversations.ts'
import { datasetsApi } from './api/datasets.ts'
import { demoApi } from './api/demo.ts'
import { duelsApi } from './api/duels.ts'
import { enginesApi } from './api/engines.ts'
import { evaluationsApi } from './api/evaluations.ts'
import { importsApi } from './api/imports.ts'
import { inspectionsApi } from './api/inspections.ts'
import { jobsApi } from './api/jobs.ts'
import { racesApi } from './api/races.ts'
import { reviewApi } from './api/review.ts'
import { runsApi } from './api/runs.ts'
import { signalsApi } from './api/signals.ts'
import { workspaceApi } from './api/workspace.ts'
import { BackendError, toBackendError } from './errors.ts'
import { collectWhenQuiet } from './collect-when-quiet.ts'
import type { ForkWorker } from './jobs/messages.ts'
import { rememberWorkspace } from './recent-workspaces.ts'
import type { Session } from './session.ts'
import { watchChanges } from './storage/changes.ts'
import { explainStorageError, openWorkspace, type Workspace } from './storage/open.ts'
import { writeBetween } from './write-turns.ts'

export type BackendOptions = {
  /** Folder of the workspace. */
  workspace: string
  host: WorkspaceInfo['host']
  /** Make the workspace where there is none (default true). */
  create?: boolean
  /** How a run's process is started, where it is no child of Node. */
  fork?: ForkWorker
}

export type Backend = {
  /** The open workspace; another one after `workspace.open`. */
  readonly workspace: Workspace
  /** Validates the input and answers, or rejects with a `BackendError`. */
  call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallOutput<Name>>
  /** Every push from now on; returns what ends the subscription. */
  subscribe(listener: (push: Push) => void): () => void
  close(): Promise<void>
}

/** Calls that write once and at once, while somebody waits for the next turn or row: not even a long job keeps them, or what is asked beside them. */
const SHORT_WRITES: ReadonlySet<CallName> = new Set<CallName>(['review.label', 'review.undo', 'signals.label', 'conversations.saveView', 'conversations.renameView', 'conversations.removeView', 'imports.dismiss', 'runs.note', 'runs.tag', 'runs.mark'])

/** Other processes write to an open workspace too: `drift import`, `drift run`. */
const WATCH_EVERY_MS = 1000

type OpenSession = { workspace: Workspace; handlers: Handlers; close: () => Promise<void> }

/** Opens the workspace and starts answering. Throws where the workspace cannot be opened. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const listeners = new Set<(push: Push) => void>()
  // A command is over before it is worth it.
  const quiet = options.host === 'cli' ? null : collectWhenQuiet()
  const push = (message: Push): void => {
    quiet?.touch()
    for (const listener of [...listeners]) listener(message)
  }

  const start = (path: string, create: boolean): OpenSession => {
    const workspace = openWorkspace(path, { create })
    if (options.host !== 'cli' && workspace.capsule === null) rememberWorkspace(workspace.path)
    const releases: (() => void | Promise<void>)[] = []
    const session: Session = { workspace, host: options.host, version, push, onClose: (release) => void releases.push(release), ...(options.fork ? { fork: options.fork } : {}) }
    const handlers: Handlers = {
      ...workspaceApi(session, switchTo),
      ...importsApi(session),
      ...conversationsApi(session),
      ...signalsApi(session),
      ...reviewApi(session),
      ...datasetsApi(session),
      ...runsApi(session),
      ...racesApi(session),
      ...inspectionsApi(session),
      ...demoApi(session),
      ...evaluationsApi(session),
      ...answersApi(session),
      ...duelsApi(session),
      ...comparisonsApi(session),
      ...capsulesApi(session, switchTo),
      ...enginesApi(session),
      ...jobsApi(session),
    }
    const changes = watchChanges(workspace.db)
    const watch = setInterval(() => {
      try {
        const nouns = changes()
        if (nouns.length > 0) push({ type: 'workspace.changed', nouns })
      } catch {
        // A failing disk is told by the next call; looking must not end the app.
      }
    }, WATCH_EVERY_MS)
    watch.unref()
    const close = async (): Promise<void> => {
      clearInterval(watch)
      for (const release of releases.reverse()) await release()
      workspace.close()
    }
    return { workspace, handlers, close }
  }

  /** Opens the other workspace first: where that fails, the present one stays. */
  const switchTo = async (path: string): Promise<WorkspaceInfo> => {
    const next = start(path, true)
    const previous = current
    current = next
    await previous.close()
    push({ type: 'workspace.changed', nouns: ['workspace'] })
    return current.handlers['workspace.info']({})
  }

  let current = start(options.workspace, options.create ?? true)

  return {
    get workspace() {
      return current.workspace
    },
    async call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallOutput<Name>> {
      quiet?.touch()
      if (!Object.hasOwn(calls, name)) throw new BackendError('bad-input', `call: expected a name of the contract, got ${JSON.stringify(name)}`)
      const parsed = calls[name].input.safeParse(input)
      if (!parsed.success) throw new BackendError('bad-input', allIssues(name, parsed.error.issues, input))
      const { handlers, workspace } = current
      if (workspace.capsule !== null && WRITING_CALLS.has(name)) throw readOnly(name, workspace.capsule)
      try {
        const answer = (): ReturnType<Handlers[Name]> => handlers[name](parsed.data as ParsedInput<Name>) as ReturnType<Handlers[Name]>
        return await (SHORT_WRITES.has(name) ? writeBetween(workspace.db, answer) : answer())
      } catch (error) {
        if (workspace.capsule !== null && error instanceof Error && 'code' in error && error.code === 'SQLITE_READONLY') throw readOnly(name, workspace.capsule)
        throw toBackendError(explainStorageError(error, workspace.path))
      }
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      quiet?.end()
      listeners.clear()
      await current.close()
    },
  }
}

function readOnly(name: CallName, { title }: CapsuleInfo): BackendError {
  return new BackendError('read-only', `${name}: "${title}" is a read-only capsule; nothing in it can be started or changed. Open a workspace of your own for that`)
}

/** The app's version, as in package.json. */
export const version: string = readVersion()

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0.0.0'
}
