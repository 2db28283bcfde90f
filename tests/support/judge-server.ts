/** A chat endpoint on this machine that behaves as told: the judge is tested against real connections. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

export type JudgeRequest = { path: string; key: string | null; body: { model: string; messages: { role: string; content: string }[]; response_format?: unknown } }
/** What one request gets. `drop`: the connection ends without an answer. */
export type JudgeReply = { status?: number; headers?: Record<string, string>; content?: string; raw?: string; afterMs?: number; drop?: true }
export type JudgeServer = { baseUrl: string; requests: JudgeRequest[]; /** Most requests that were open at once. */ mostAtOnce(): number }

/** Answers with what `reply` says of the request and its number, from 0. Ends with the test. */
export async function judgeServer(reply: (request: JudgeRequest, index: number) => JudgeReply): Promise<JudgeServer> {
  const requests: JudgeRequest[] = []
  let open = 0
  let most = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    most = Math.max(most, ++open)
    try {
      let text = ''
      for await (const chunk of request) text += String(chunk)
      const asked: JudgeRequest = { path: request.url ?? '', key: request.headers.authorization ?? null, body: JSON.parse(text) as JudgeRequest['body'] }
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
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests, mostAtOnce: () => most }
}
