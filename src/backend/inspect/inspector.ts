/**
 * Scores pairs for the token view in a process of its own, so that the backend keeps answering. The process is
 * started with the first question, kept while questions come, and its last answers are remembered.
 */
import { join } from 'node:path'
import type { PairInspection } from '../../shared/inspection.ts'
import { BackendError } from '../errors.ts'
import { forkFor } from '../jobs/fork.ts'
import type { InspectRequest, WorkerProcess } from '../jobs/messages.ts'
import { perSession, type Session } from '../session.ts'
import { folderOf, modelFingerprint } from './models.ts'
import type { PairSource } from './pair-source.ts'

export type Inspector = { inspect(question: InspectQuestion): Promise<PairInspection> }
/** Models as `models.list` names them. */
export type InspectQuestion = { source: PairSource; policy: string; reference: string | null; beta: number; maxLength: number | null }

const KEPT_ANSWERS = 24
/** Two models may take gigabytes: given back when nobody looks at tokens any more. */
const IDLE_MS = 60_000

type Answer = Pick<PairInspection, 'pair' | 'note'>
/** A process and who waits for its answers. */
type Asked = { process: WorkerProcess; waiting: Map<number, Waiting> }
type Waiting = { resolve(answer: Answer): void; reject(error: Error): void }

/** The inspector of a session. */
export const inspectorOf = perSession(makeInspector)

function makeInspector(session: Session): Inspector {
  const { workspace } = session
  const logFile = join(workspace.runs, 'inspect.log')
  const answers = new Map<string, Promise<Answer>>()
  let child: Asked | null = null
  let count = 0
  let idle: NodeJS.Timeout | undefined
  session.onClose(() => end())

  function end(): void {
    clearTimeout(idle)
    child?.process.kill()
    child = null
  }

  function start(): Asked {
    const process = (session.fork ?? forkFor(session.host))({ workspace: workspace.path, inspect: true }, logFile)
    const waiting = new Map<number, Waiting>()
    const started = { process, waiting }
    process.onMessage((message) => {
      if (message.type === 'inspected') take(started, message.id)?.resolve({ pair: message.pair, note: message.note })
      else if (message.type === 'inspect-failed') take(started, message.id)?.reject(new BackendError(message.error.code, message.error.message, message.error.detail))
    })
    process.onExit((code, signal, error) => {
      if (child === started) child = null
      const reason = error ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)
      for (const { reject } of waiting.values()) reject(new BackendError('failed', `the process that scores pairs has ended (${reason}); try again, and see ${logFile} where it ends again`))
      waiting.clear()
    })
    return started
  }

  function take({ waiting }: Asked, id: number): Waiting | undefined {
    const one = waiting.get(id)
    waiting.delete(id)
    clearTimeout(idle)
    if (waiting.size === 0) idle = setTimeout(end, IDLE_MS).unref()
    return one
  }

  function ask(request: InspectRequest): Promise<Answer> {
    clearTimeout(idle)
    child ??= start()
    const id = ++count
    const { process, waiting } = child
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      process.send({ type: 'inspect', id, request })
    })
  }

  return {
    async inspect({ source, policy, reference, beta, maxLength }) {
      const request: InspectRequest = { source, policy: folderOf(workspace, policy), reference: reference === null ? null : folderOf(workspace, reference), beta, maxLength }
      const key = JSON.stringify([request, modelFingerprint(request.policy), request.reference === null ? null : modelFingerprint(request.reference)])
      const answer = answers.get(key) ?? ask(request)
      answers.delete(key)
      answers.set(key, answer)
      answer.catch(() => answers.delete(key))
      for (const oldest of answers.keys()) {
        if (answers.size <= KEPT_ANSWERS) break
        answers.delete(oldest)
      }
      return { ...(await answer), policy, reference }
    },
  }
}
