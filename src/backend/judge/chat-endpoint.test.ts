import { expect, test } from 'vitest'
import { judgeServer } from '../../../tests/support/chat-server.ts'
import { chatEndpoint } from './chat-endpoint.ts'

const question = [{ role: 'user' as const, content: 'hello' }]

test('one completion: text, usage, model and key as OpenAI has them', async () => {
  const { baseUrl, requests } = await judgeServer(() => ({ content: 'hi' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', key: 'secret' }).complete(question, { maxTokens: 5 })
  expect(answer).toEqual({ text: 'hi', model: null, finishReason: 'stop', promptTokens: 100, completionTokens: 10, logprobs: null, attempts: 1 })
  expect(requests).toMatchObject([{ path: '/v1/chat/completions', key: 'Bearer secret', body: { model: 'm', messages: question, max_tokens: 5, temperature: 0 } }])
})

test('log-probabilities are read where they were asked for', async () => {
  const content = [{ token: 'm', logprob: -0.1, top_logprobs: [{ token: 'm', logprob: -0.1 }, { token: 'M', logprob: -2.4 }] }]
  const { baseUrl } = await judgeServer(() => ({ raw: JSON.stringify({ choices: [{ message: { content: 'm' }, logprobs: { content } }] }) }))
  const { logprobs, promptTokens } = await chatEndpoint({ baseUrl, model: 'm' }).complete(question, { topLogprobs: 2 })
  expect({ logprobs, promptTokens }).toEqual({ logprobs: [{ token: 'm', logprob: -0.1, top: [{ token: 'm', logprob: -0.1 }, { token: 'M', logprob: -2.4 }] }], promptTokens: null })
})

test.each([
  ['an overloaded server', { status: 429, raw: '{"error":{"message":"slow down"}}' }],
  ['a failing server', { status: 503, raw: 'busy' }],
  ['a dropped connection', { drop: true as const }],
  ['an answer that is no completion', { raw: '<html>gateway</html>' }],
])('%s is asked again', async (_, bad) => {
  const { baseUrl, requests } = await judgeServer((_request, i) => (i < 2 ? bad : { content: 'ok' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', pauseMs: 5 }).complete(question)
  expect(answer).toMatchObject({ text: 'ok', attempts: 3 })
  expect(requests).toHaveLength(3)
})

test('a server that does not answer in time is asked again', async () => {
  const { baseUrl, requests } = await judgeServer((_request, i) => (i === 0 ? { content: 'late', afterMs: 60_000 } : { content: 'ok' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', pauseMs: 5, timeoutMs: 2_000 }).complete(question)
  expect(answer).toMatchObject({ text: 'ok', attempts: 2 })
  expect(requests).toHaveLength(2)
})

test('Retry-After is waited for, in seconds', async () => {
  const { baseUrl } = await judgeServer((_request, i) => (i === 0 ? { status: 429, headers: { 'retry-after': '0.3' } } : { content: 'ok' }))
  const started = performance.now()
  await chatEndpoint({ baseUrl, model: 'm', pauseMs: 1 }).complete(question)
  expect(performance.now() - started).toBeGreaterThanOrEqual(290)
})

test.each([[401, /got 401 \(bad key\)\. Check the key/], [404, /got 404 .*Check the base URL and the model/], [400, /got 400 \(bad key\)/]])('status %i is a refusal: asked once, told in the server’s words', async (status, message) => {
  const { baseUrl, requests } = await judgeServer(() => ({ status, raw: '{"error":{"message":"bad key"}}' }))
  await expect(chatEndpoint({ baseUrl, model: 'm', pauseMs: 1 }).complete(question)).rejects.toThrow(message)
  expect(requests).toHaveLength(1)
})

test('after the last try the reason is told', async () => {
  const { baseUrl, requests } = await judgeServer(() => ({ drop: true }))
  await expect(chatEndpoint({ baseUrl, model: 'm', pauseMs: 1, attempts: 3 }).complete(question)).rejects.toThrow(/no connection \(.+\)\. Check the base URL and that the server runs/)
  expect(requests).toHaveLength(3)
})

test('an abort ends a request and a pause at once', async () => {
  const { baseUrl } = await judgeServer(() => ({ status: 429, headers: { 'retry-after': '30' } }))
  const stop = new AbortController()
  const asked = chatEndpoint({ baseUrl, model: 'm' }).complete(question, { signal: stop.signal })
  setTimeout(() => stop.abort(), 50)
  await expect(asked).rejects.toThrow(/abort/i)
})

test('what is no URL is refused before anything is asked', () => {
  expect(() => chatEndpoint({ baseUrl: 'localhost:8000', model: 'm' })).toThrow('expected an http or https URL, got "localhost:8000"')
  expect(() => chatEndpoint({ baseUrl: '', model: 'm' })).toThrow('expected a base URL such as http://127.0.0.1:8000/v1, got ""')
})
