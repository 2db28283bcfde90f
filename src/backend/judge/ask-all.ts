/**
 * Asks a judge many things, several at once, each once: replies are kept as they come, so that what was interrupted
 * goes on where it stopped. A judge that becomes another one in between ends it.
 */
import { createHash } from 'node:crypto'
import type { Message } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { hasReply, readReply, writeReply } from '../storage/judge-replies.ts'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import { type ChatEndpoint, type Completion, type CompleteOptions, EndpointError } from './chat-endpoint.ts'
import { mapConcurrently } from './map-concurrently.ts'

export type Question = { messages: readonly Message[]; options: Omit<CompleteOptions, 'signal'> & { maxTokens: number } }

export type AskOptions = {
  /** Part of what a reply is kept under. */
  url: string
  concurrency: number
  signal?: AbortSignal
  onProgress?: (progress: { done: number; total: number }) => void
}

/** So many failures in a row mean that the endpoint is gone, not that a question is odd. */
const FAILURES_IN_A_ROW = 5

export type Replies = {
  /** In the order of the questions; null where the endpoint failed on one. */
  completions: (Completion | null)[]
  /** Why the first question without a reply has none. */
  firstFailure: string | null
  /** The name under which the judge answered. */
  model: string
  /** What to say where the endpoint refused the format of the replies; empty where it did not. */
  notices: string[]
}

/** Throws where the endpoint refuses, is gone, or answers under another name than before; replies until then are kept. */
export async function askAll(db: WritableDb, endpoint: ChatEndpoint, questions: readonly Question[], { url, concurrency, signal, onProgress }: AskOptions): Promise<Replies> {
  const completions: (Completion | null)[] = questions.map(() => null)
  let firstFailure: string | null = null
  let failedInARow = 0
  let done = 0
  let answeredAs: string | null = null
  /** Before a reply is kept: one of another judge must not stand in the way when the first is back. */
  const requireSameJudge = (completion: Completion): void => {
    const name = completion.model ?? endpoint.model
    answeredAs ??= name
    if (name !== answeredAs) throw new BackendError('failed', `judge ${url}: expected replies of ${answeredAs} as before, got one of ${name}. Figures of two judges are not averaged; the ${done} replies so far are kept. Name a model that does not change with --judge-model`)
  }
  const take = (completion: Completion, i: number): void => {
    completions[i] = completion
    done += 1
    onProgress?.({ done, total: questions.length })
  }

  const open: number[] = []
  questions.forEach((question, i) => {
    const kept = readReply(db, keyOf(url, endpoint.model, question))
    if (kept === null) open.push(i)
    else {
      requireSameJudge(kept)
      take(kept, i)
    }
  })

  // The first that throws stops the others: their requests are aborted, their replies until then are kept.
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const ask = async (i: number): Promise<void> => {
    const question = questions[i]!
    const started = performance.now()
    try {
      const completion = await endpoint.complete(question.messages, { ...question.options, signal: either })
      requireSameJudge(completion)
      writeReply(db, { key: keyOf(url, endpoint.model, question), url, model: endpoint.model, completion, milliseconds: performance.now() - started })
      failedInARow = 0
      take(completion, i)
    } catch (error) {
      either.throwIfAborted()
      if (!(error instanceof EndpointError)) throw error
      failedInARow += 1
      firstFailure ??= error.message
      if (!error.transient || failedInARow >= FAILURES_IN_A_ROW) throw new BackendError('failed', `judge ${error.message}. ${done} of ${questions.length} replies are kept; start again to go on`, undefined, { cause: error })
    }
  }
  const asked = mapConcurrently(open, concurrency, (i) =>
    ask(i).catch((error: unknown) => {
      stop.abort(error)
      throw error
    }),
  )
  // What it throws may be what the first failure did to another request; the reason is what stopped them.
  await Promise.allSettled([asked])
  signal?.throwIfAborted()
  stop.signal.throwIfAborted()
  if (done === 0 && questions.length > 0) throw new BackendError('failed', `judge ${firstFailure ?? 'gave no reply'}`)
  const inWords = completions.filter((completion) => completion?.inWords).length
  const notices = inWords === 0 ? [] : [`the endpoint refuses response_format: ${inWords} of ${completions.length} replies were asked for as JSON in words alone`]
  return { completions, firstFailure, model: answeredAs ?? endpoint.model, notices }
}

/** How many of the questions have a reply already. */
export function countKept(db: ReadableDb, url: string, model: string, questions: readonly Question[]): number {
  return questions.filter((question) => hasReply(db, keyOf(url, model, question))).length
}

function keyOf(url: string, model: string, { messages, options }: Question): string {
  return createHash('sha256').update(JSON.stringify([url, model, messages, options])).digest('hex')
}
