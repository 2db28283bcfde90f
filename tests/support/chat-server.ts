/** An OpenAI-compatible endpoint on this machine that behaves as told: judges are tested against real connections. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

export type AskedFor = { model: string; messages: { role: string; content: string }[]; max_tokens?: number; logprobs?: boolean; top_logprobs?: number; response_format?: unknown }
export type ChatRequest = { path: string; key: string | null; body: AskedFor }
/** What one request gets. `drop`: the connection ends without an answer. */
export type ChatReply = { status?: number; headers?: Record<string, string>; content?: string; raw?: string; afterMs?: number; drop?: boolean }
export type ChatServer = { baseUrl: string; requests: ChatRequest[]; /** Most requests that were open at once. */ mostAtOnce(): number; close(): Promise<void> }

/** Answers with what `reply` says of the request and its number, from 0. Serves until the test ends; without `test` the caller closes it. */
export async function aChatServer(reply: (request: ChatRequest, index: number) => ChatReply, { test = true } = {}): Promise<ChatServer> {
  const requests: ChatRequest[] = []
  let open = 0
  let most = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    most = Math.max(most, ++open)
    try {
      let text = ''
      for await (const chunk of request) text += String(chunk)
      const asked: ChatRequest = { path: request.url ?? '', key: request.headers.authorization ?? null, body: JSON.parse(text) as AskedFor }
      requests.push(asked)
      const { status = 200, headers = {}, content = '', raw, afterMs = 0, drop } = reply(asked, requests.length - 1)
      // Unreferenced: an answer that nobody waits for any more does not hold up the end.
      await sleep(afterMs, undefined, { ref: false })
      if (drop) return void request.socket.destroy()
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(raw ?? JSON.stringify({ choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop' }], usage: { prompt_tokens: 100, completion_tokens: 10 } }))
    } finally {
      open -= 1
    }
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  if (test) onTestFinished(close)
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests, mostAtOnce: () => most, close }
}
