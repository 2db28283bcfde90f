/**
 * One OpenAI-compatible endpoint: `complete` asks for one chat completion and sees it through. Overload, lost
 * connections and time-outs are tried again with growing pauses, or after as long as the server asks for
 * (Retry-After, which holds back every request of this endpoint); a refusal is an error at once, but for what not
 * every server knows: log-probabilities and response formats. Knows nothing of what is asked.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../shared/errors.ts'
import type { Message } from '../../shared/types.ts'

export type ChatEndpointOptions = {
  /** With the version, as servers print it: http://127.0.0.1:8000/v1 */
  baseUrl: string
  model: string
  key?: string | null
  /** Tries of one request, the first included (default 6). */
  attempts?: number
  /** Longest wait for an answer (default two minutes). */
  timeoutMs?: number
  /** First pause before another try, doubled each time (default 500). */
  pauseMs?: number
}

export type CompleteOptions = {
  /** As in OpenAI's API: {type: 'json_schema', json_schema: {name, schema, strict}}; asked without where the server refuses it. */
  responseFormat?: Record<string, unknown>
  temperature?: number
  maxTokens?: number
  /** Number of alternatives per token to report; asked without where the server refuses the key. */
  topLogprobs?: number
  signal?: AbortSignal
}

export type Completion = {
  /** The reply; where the server marks a refusal, its words. */
  text: string
  /** As the server names it, which may not be what was asked for; null where it names none. */
  model: string | null
  finishReason: string | null
  promptTokens: number | null
  completionTokens: number | null
  /** Per token of the text; null where none were asked for or the server gives none. */
  logprobs: { token: string; logprob: number; top: { token: string; logprob: number }[] }[] | null
  /** Tries it took. */
  attempts: number
  /** A response format was asked for and refused: the reply is to the words alone. */
  inWords?: true
}

export type ChatEndpoint = { readonly model: string; complete(messages: readonly Message[], options?: CompleteOptions): Promise<Completion> }

/** What an endpoint answered instead of a completion. */
export class EndpointError extends Error {
  override readonly name: string = 'EndpointError'
  /** HTTP status; null where there was no answer. */
  readonly status: number | null
  /** Another try may do better. */
  readonly transient: boolean
  readonly retryAfterMs: number | null
  /** No connection, or something that is no completion: perhaps not such an endpoint at all. */
  readonly elsewhere: boolean
  constructor(message: string, options: { status: number | null; transient: boolean; retryAfterMs?: number | null; elsewhere?: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.status = options.status
    this.transient = options.transient
    this.retryAfterMs = options.retryAfterMs ?? null
    this.elsewhere = options.elsewhere ?? false
  }
}

const LONGEST_PAUSE_MS = 60_000
/** In a row, of a request before any completion has come: the address is more likely wrong than the server overloaded. */
const UNMET_ATTEMPTS = 3
/** A server that asks for more is not waited for. */
const LONGEST_RETRY_AFTER_MS = 600_000
const SHOWN_BODY = 300

export function chatEndpoint(options: ChatEndpointOptions): ChatEndpoint {
  const { model, key, attempts = 6, timeoutMs = 120_000, pauseMs = 500 } = options
  const url = completionsUrl(options.baseUrl)
  const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }

  let notBefore = 0
  let refusesLogprobs = false
  /** It has answered once as such endpoints do. */
  let met = false
  /** Unknown until a request with a format, or the same one without, is answered. */
  let takesFormat: boolean | null = null

  const ask = async (body: string, signal: AbortSignal | undefined): Promise<Omit<Completion, 'attempts'>> => {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(url, { method: 'POST', headers, body, signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
      const text = await response.text()
      if (!response.ok) throw refusal(url, response, text, !key)
      return readCompletion(url, text)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof EndpointError) throw error
      if (timeout.aborted) throw new EndpointError(`${url}: expected an answer within ${timeoutMs / 1000} s, got none. A slower model needs a higher limit or fewer requests at once`, { status: null, transient: true, cause: error })
      throw new EndpointError(`${url}: no connection (${reasonOf(error)}). Check the base URL and that the server runs`, { status: null, transient: true, elsewhere: true, cause: error })
    }
  }

  return {
    model,
    async complete(messages, { responseFormat, temperature = 0, maxTokens, topLogprobs, signal } = {}) {
      let refusedFormat = false
      let elsewhere = 0
      for (let attempt = 1; ; attempt++) {
        signal?.throwIfAborted()
        const held = notBefore - Date.now()
        if (held > 0) await sleep(held, undefined, signal ? { signal } : {})
        const withFormat = responseFormat !== undefined && takesFormat !== false && !refusedFormat
        const withLogprobs = topLogprobs !== undefined && !refusesLogprobs
        const body = JSON.stringify({
          model,
          messages,
          temperature,
          ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
          ...(withFormat ? { response_format: responseFormat } : {}),
          ...(withLogprobs ? { logprobs: true, top_logprobs: topLogprobs } : {}),
        })
        try {
          const completion = await ask(body, signal)
          met = true
          if (withFormat) takesFormat = true
          else if (refusedFormat) takesFormat = false
          return { ...completion, attempts: attempt, ...(responseFormat === undefined || withFormat ? {} : { inWords: true }) }
        } catch (error) {
          if (!(error instanceof EndpointError)) throw error
          const refused = error.status === 400 || error.status === 422 || error.status === 501
          if (withLogprobs && refused && /logprobs/i.test(error.message)) {
            refusesLogprobs = true
            continue
          }
          // Servers say it in many words: whether it was the format shows where the same request is answered without.
          if (withFormat && refused && takesFormat !== true) {
            refusedFormat = true
            continue
          }
          elsewhere = error.elsewhere ? elsewhere + 1 : 0
          if (!error.transient || (!met && elsewhere >= UNMET_ATTEMPTS) || attempt >= attempts || (error.retryAfterMs ?? 0) > LONGEST_RETRY_AFTER_MS) throw error
          if (error.retryAfterMs !== null) notBefore = Math.max(notBefore, Date.now() + error.retryAfterMs)
          // Half of the pause is random: requests that failed together do not come back together.
          else await sleep(Math.min(LONGEST_PAUSE_MS, pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)), undefined, signal ? { signal } : {})
        }
      }
    },
  }
}

function completionsUrl(baseUrl: string): string {
  let url: URL
  try {
    url = new URL(baseUrl)
  } catch {
    throw new UsageError(`judge: expected a base URL such as http://127.0.0.1:8000/v1, got "${baseUrl}"`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new UsageError(`judge: expected an http or https URL, got "${baseUrl}"`)
  url.pathname = `${url.pathname.replace(/\/(chat\/completions)?\/*$/, '')}/chat/completions`
  return url.href
}

function refusal(url: string, response: Response, text: string, isKeyless: boolean): EndpointError {
  const { status } = response
  const transient = status === 408 || status === 409 || status === 425 || status === 429 || status >= 500
  const advice = status === 401 || status === 403 ? `. Check the key${isKeyless ? ': none was sent (DRIFT_JUDGE_API_KEY)' : ''}` : status === 404 ? '. Check the base URL and the model' : ''
  return new EndpointError(`${url}: expected status 200, got ${status} (${messageOf(text)})${advice}`, { status, transient, retryAfterMs: retryAfter(response.headers.get('retry-after')) })
}

/** Seconds or a date, as milliseconds from now. */
function retryAfter(header: string | null): number | null {
  if (header === null) return null
  const seconds = Number(header)
  const ms = Number.isFinite(seconds) ? 1000 * seconds : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}

type Json = { [key: string]: Json | undefined } | readonly Json[] | string | number | boolean | null
const isObject = (value: Json | undefined): value is { [key: string]: Json | undefined } => typeof value === 'object' && value !== null && !Array.isArray(value)
const at = (value: Json | undefined, key: string): Json | undefined => (isObject(value) ? value[key] : undefined)
const numberOr = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null)

function readCompletion(url: string, text: string): Omit<Completion, 'attempts'> {
  const body = parse(text)
  const choices = at(body, 'choices')
  const choice = Array.isArray(choices) ? (choices as readonly Json[])[0] : undefined
  const message = at(choice, 'message')
  const content = at(message, 'content') ?? at(message, 'refusal')
  // A server that answers 200 with something else is often a proxy under load.
  if (typeof content !== 'string') throw new EndpointError(`${url}: expected choices[0].message.content, got ${messageOf(text)}`, { status: 200, transient: true, elsewhere: true })
  const usage = at(body, 'usage')
  const finishReason = at(choice, 'finish_reason')
  const model = at(body, 'model')
  return { text: content, model: typeof model === 'string' ? model : null, finishReason: typeof finishReason === 'string' ? finishReason : null, promptTokens: numberOr(at(usage, 'prompt_tokens')), completionTokens: numberOr(at(usage, 'completion_tokens')), logprobs: readLogprobs(at(at(choice, 'logprobs'), 'content')) }
}

function readLogprobs(value: Json | undefined): Completion['logprobs'] {
  if (!Array.isArray(value)) return null
  // JSON has no minus infinity: servers write null.
  const one = (entry: Json): { token: string; logprob: number } => ({ token: String(at(entry, 'token') ?? ''), logprob: numberOr(at(entry, 'logprob')) ?? -Infinity })
  return (value as readonly Json[]).map((entry) => {
    const top = at(entry, 'top_logprobs')
    return { ...one(entry), top: Array.isArray(top) ? (top as readonly Json[]).map(one) : [] }
  })
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** The error text that servers put in JSON, else the beginning of what came. */
function messageOf(text: string): string {
  const error = at(parse(text), 'error')
  const message = typeof error === 'string' ? error : at(error, 'message')
  const words = typeof message === 'string' ? message : text
  return words === '' ? 'an empty answer' : words.length > SHOWN_BODY ? `${words.slice(0, SHOWN_BODY)} …` : words
}

/** Node's fetch says "fetch failed" and puts the reason into the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
