/** A local OpenAI-compatible endpoint with a small judge in it, which can be slow, limited, broken, or another one suddenly. */
import { aChatServer, type AskedFor } from './chat-server.ts'

/** What to do with a request; nothing: let the judge answer. `number` counts from 0. */
export type Behaviour = (request: { number: number; body: AskedFor; authorization: string | undefined }) => Misbehaviour | undefined
export type Misbehaviour = { status?: number; headers?: Record<string, string>; text?: string; drop?: true; delayMs?: number; reply?: string; model?: string; withoutLogprobs?: true }

export type JudgeServer = { url: string; requests: AskedFor[]; /** When each request came, in ms. */ times: number[]; behave(behaviour: Behaviour): void; close(): Promise<void> }

/** Serves until the test ends. Without `test` the caller closes it. */
export async function aJudgeServer(behaviour: Behaviour = () => undefined, { test = true } = {}): Promise<JudgeServer> {
  const requests: AskedFor[] = []
  const times: number[] = []
  let behave = behaviour
  const { baseUrl, close } = await aChatServer(
    ({ body, key }, number) => {
      requests.push(body)
      times.push(performance.now())
      const how = behave({ number, body, authorization: key ?? undefined }) ?? {}
      const { status = 200, headers = {}, drop = false, delayMs: afterMs = 0 } = how
      return { status, headers, drop, afterMs, raw: how.text ?? JSON.stringify(status >= 400 ? { error: { message: `status ${status}` } } : judge(body, how)) }
    },
    { test },
  )
  return { url: baseUrl, requests, times, behave: (next) => void (behave = next), close }
}

/**
 * The judge: of two answers the longer one is better, the surer the longer it is; an answer alone gets a score by its
 * length. So that what it should say of a pair can be worked out by hand.
 */
function judge(body: AskedFor, how: Misbehaviour): object {
  const prompt = body.messages.map(({ content }) => content).join('\n')
  const answers = [...prompt.matchAll(/"output": """([^]*?)"""/g)].map((match) => match[1]!)
  const logprobs: { token: string; logprob: number }[] = []
  let reply = how.reply ?? ''
  if (how.reply === undefined && answers.length === 2) {
    const p = probabilityOfFirst(answers[0]!, answers[1]!)
    reply = p >= 0.5 ? 'm' : 'M'
    logprobs.push({ token: 'm', logprob: Math.log(p) }, { token: 'M', logprob: Math.log(1 - p) }, { token: 'The', logprob: -9 })
  } else if (how.reply === undefined) {
    const [a, b] = ['answer A', 'answer B'].map((name) => between(prompt, name))
    if (a !== undefined && b !== undefined) reply = JSON.stringify({ choice: a.length === b.length ? 'A=B' : a.length > b.length ? 'A++' : 'B+' })
    else reply = JSON.stringify({ strengths: '', weaknesses: '', score: String(Math.min(10, 1 + (between(prompt, 'answer') ?? '').length)) })
  }
  const asked = body.logprobs && !how.withoutLogprobs
  const first = { token: reply.slice(0, 5), logprob: -0.1, top_logprobs: logprobs.length > 0 ? logprobs : [{ token: reply.slice(0, 5), logprob: -0.1 }] }
  return {
    id: 'x',
    object: 'chat.completion',
    model: how.model ?? body.model,
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: reply }, ...(asked ? { logprobs: { content: [first] } } : {}) }],
    usage: { prompt_tokens: Math.ceil(prompt.length / 4), completion_tokens: 1 },
  }
}

/** That the test judge prefers the answer shown first. */
export function probabilityOfFirst(first: string, second: string): number {
  return 1 / (1 + Math.exp((second.length - first.length) / 10))
}

const between = (text: string, name: string): string | undefined => new RegExp(`<\\|begin of ${name}\\|>\\n([^]*?)\\n<\\|end of ${name}\\|>`).exec(text)?.[1]
