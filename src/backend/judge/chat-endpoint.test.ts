import { expect, test } from 'vitest'
import { aChatServer } from '../../../tests/support/chat-server.ts'
import { aJudgeServer } from '../../../tests/support/judge-server.ts'
import { chatEndpoint, EndpointError } from './chat-endpoint.ts'

const question = [{ role: 'user' as const, content: 'hello' }]

test('one completion: text, usage, model and key as OpenAI has them', async () => {
  const { baseUrl, requests } = await aChatServer(() => ({ content: 'hi' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', key: 'secret' }).complete(question, { maxTokens: 5 })
  expect(answer).toEqual({ text: 'hi', model: null, finishReason: 'stop', promptTokens: 100, completionTokens: 10, logprobs: null, attempts: 1 })
  expect(requests).toMatchObject([{ path: '/v1/chat/completions', key: 'Bearer secret', body: { model: 'm', messages: question, max_tokens: 5, temperature: 0 } }])
})

test('log-probabilities are read where they were asked for', async () => {
  const content = [{ token: 'm', logprob: -0.1, top_logprobs: [{ token: 'm', logprob: -0.1 }, { token: 'M', logprob: -2.4 }] }]
  const { baseUrl } = await aChatServer(() => ({ raw: JSON.stringify({ choices: [{ message: { content: 'm' }, logprobs: { content } }] }) }))
  const { logprobs, promptTokens } = await chatEndpoint({ baseUrl, model: 'm' }).complete(question, { topLogprobs: 2 })
  expect({ logprobs, promptTokens }).toEqual({ logprobs: [{ token: 'm', logprob: -0.1, top: [{ token: 'm', logprob: -0.1 }, { token: 'M', logprob: -2.4 }] }], promptTokens: null })
})

test('alternatives are asked for by OpenAI’s keys, and the name is the one that the server answers under', async () => {
  const { url, requests } = await aJudgeServer(() => ({ reply: 'yes', model: 'judge-1-2026' }))
  const completion = await chatEndpoint({ baseUrl: url, model: 'judge-1', key: 'k' }).complete(question, { maxTokens: 5, temperature: 1, topLogprobs: 5 })
  expect(completion).toMatchObject({ text: 'yes', model: 'judge-1-2026', logprobs: [{ token: 'yes', top: [{ token: 'yes', logprob: -0.1 }] }], completionTokens: 1 })
  expect(requests[0]).toMatchObject({ model: 'judge-1', max_tokens: 5, temperature: 1, logprobs: true, top_logprobs: 5 })
})

test('a refusal in a field of its own is the reply', async () => {
  const { baseUrl } = await aChatServer(() => ({ raw: JSON.stringify({ choices: [{ message: { content: null, refusal: 'I cannot judge this.' } }] }) }))
  expect(await chatEndpoint({ baseUrl, model: 'm' }).complete(question)).toMatchObject({ text: 'I cannot judge this.' })
})

test('a server without log-probabilities, or one that refuses the key, answers with text alone', async () => {
  const silent = await aJudgeServer(() => ({ reply: 'm', withoutLogprobs: true }))
  expect((await chatEndpoint({ baseUrl: silent.url, model: 'm' }).complete([], { topLogprobs: 5 })).logprobs).toBeNull()
  const refusing = await aJudgeServer(({ body }) => (body.logprobs ? { status: 400, text: '{"error":{"message":"logprobs are not supported"}}' } : { reply: 'M' }))
  const endpoint = chatEndpoint({ baseUrl: refusing.url, model: 'm' })
  expect(await endpoint.complete([], { topLogprobs: 5 })).toMatchObject({ text: 'M', logprobs: null })
  await endpoint.complete([], { topLogprobs: 5 })
  // It is tried once, then no more.
  expect(refusing.requests.map(({ logprobs }) => logprobs ?? false)).toEqual([true, false, false])
})

test.each([[400, 'json_object is no known type'], [422, 'unknown variant'], [501, '']])('a server that refuses the response format with %i is asked in words, and the replies say so', async (status, message) => {
  const { url, requests } = await aJudgeServer(({ body }) => (body.response_format ? { status, text: JSON.stringify({ error: { message } }) } : { reply: '{}' }))
  const endpoint = chatEndpoint({ baseUrl: url, model: 'm', pauseMs: 1 })
  const asked = (text: string) => endpoint.complete([{ role: 'user', content: text }], { responseFormat: { type: 'json_object' } })
  expect(await asked('a')).toMatchObject({ text: '{}', attempts: 2, inWords: true })
  expect(await asked('b')).toMatchObject({ text: '{}', attempts: 1, inWords: true })
  expect(await endpoint.complete(question)).not.toHaveProperty('inWords')
  // Refused once per endpoint.
  expect(requests.map(({ response_format: format }) => format !== undefined)).toEqual([true, false, false, false])
})

test('a request that is refused without a format too is an error, and the next one is asked with its format', async () => {
  const { url, requests } = await aJudgeServer(({ body }) => (body.messages[0]!.content === 'too long' ? { status: 400, text: '{"error":"context length exceeded"}' } : { reply: '{}' }))
  const endpoint = chatEndpoint({ baseUrl: url, model: 'm', pauseMs: 1 })
  const asked = (content: string) => endpoint.complete([{ role: 'user', content }], { responseFormat: { type: 'json_object' } })
  await expect(asked('too long')).rejects.toThrow(/context length exceeded/)
  expect(await asked('short')).not.toHaveProperty('inWords')
  // Now that the format is known to be taken, a refusal is one of the request.
  await expect(asked('too long')).rejects.toThrow(/context length exceeded/)
  expect(requests.map(({ response_format: format }) => format !== undefined)).toEqual([true, false, true, true])
})

test.each([
  ['an overloaded server', { status: 429, raw: '{"error":{"message":"slow down"}}' }],
  ['a failing server', { status: 503, raw: 'busy' }],
  ['a dropped connection', { drop: true as const }],
  ['an answer that is no completion', { raw: '<html>gateway</html>' }],
])('%s is asked again', async (_, bad) => {
  const { baseUrl, requests } = await aChatServer((_request, i) => (i < 2 ? bad : { content: 'ok' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', pauseMs: 5 }).complete(question)
  expect(answer).toMatchObject({ text: 'ok', attempts: 3 })
  expect(requests).toHaveLength(3)
})

test('a server that does not answer in time is asked again', async () => {
  const { baseUrl, requests } = await aChatServer((_request, i) => (i === 0 ? { content: 'late', afterMs: 60_000 } : { content: 'ok' }))
  const answer = await chatEndpoint({ baseUrl, model: 'm', pauseMs: 5, timeoutMs: 2_000 }).complete(question)
  expect(answer).toMatchObject({ text: 'ok', attempts: 2 })
  expect(requests).toHaveLength(2)
})

test('Retry-After is waited for, in seconds', async () => {
  const { baseUrl } = await aChatServer((_request, i) => (i === 0 ? { status: 429, headers: { 'retry-after': '0.3' } } : { content: 'ok' }))
  const started = performance.now()
  await chatEndpoint({ baseUrl, model: 'm', pauseMs: 1 }).complete(question)
  expect(performance.now() - started).toBeGreaterThanOrEqual(290)
})

test('every request of an endpoint waits as long as the server asked one of them to', async () => {
  const { url, times } = await aJudgeServer(({ number }) => (number === 0 ? { status: 429, headers: { 'retry-after': '1' } } : { reply: 'm' }))
  const endpoint = chatEndpoint({ baseUrl: url, model: 'm', pauseMs: 1 })
  const first = endpoint.complete([])
  while (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await Promise.all([first, endpoint.complete([])])
  expect(times).toHaveLength(3)
  // Lower bounds alone: a slow machine only makes them longer.
  expect(times[1]! - times[0]!).toBeGreaterThan(900)
  expect(times[2]! - times[0]!).toBeGreaterThan(900)
})

test('one request is seen through all of these in a row; an answer without content is told with what came', async () => {
  const { url, requests } = await aJudgeServer(({ number }) => [{ drop: true as const }, { status: 503 }, { text: '<html>busy</html>' }, { delayMs: 2500 }, { reply: 'm' }][number])
  expect(await chatEndpoint({ baseUrl: url, model: 'm', pauseMs: 1, timeoutMs: 1000 }).complete([])).toMatchObject({ text: 'm', attempts: 5 })
  expect(requests).toHaveLength(5)
  const broken = await aJudgeServer(() => ({ text: '{"choices":[]}' }))
  await expect(chatEndpoint({ baseUrl: broken.url, model: 'm', pauseMs: 1, attempts: 2 }).complete([])).rejects.toThrow(/expected choices\[0\]\.message\.content, got \{"choices":\[\]\}/)
  expect(broken.requests).toHaveLength(2)
})

test.each([[401, /got 401 \(bad key\)\. Check the key/], [404, /got 404 .*Check the base URL and the model/], [400, /got 400 \(bad key\)/]])('status %i is a refusal: asked once, told in the server’s words', async (status, message) => {
  const { baseUrl, requests } = await aChatServer(() => ({ status, raw: '{"error":{"message":"bad key"}}' }))
  await expect(chatEndpoint({ baseUrl, model: 'm', pauseMs: 1 }).complete(question)).rejects.toThrow(message)
  expect(requests).toHaveLength(1)
})

test('after the last try the reason is told', async () => {
  const { baseUrl, requests } = await aChatServer(() => ({ drop: true }))
  await expect(chatEndpoint({ baseUrl, model: 'm', pauseMs: 1, attempts: 3 }).complete(question)).rejects.toThrow(/no connection \(.+\)\. Check the base URL and that the server runs/)
  expect(requests).toHaveLength(3)
  await expect(chatEndpoint({ baseUrl: 'http://127.0.0.1:9', model: 'm', attempts: 1 }).complete([])).rejects.toThrow(EndpointError)
})

test('an abort ends a request and a pause at once', async () => {
  const { baseUrl } = await aChatServer(() => ({ status: 429, headers: { 'retry-after': '30' } }))
  const stop = new AbortController()
  const asked = chatEndpoint({ baseUrl, model: 'm' }).complete(question, { signal: stop.signal })
  setTimeout(() => stop.abort(), 50)
  await expect(asked).rejects.toThrow(/abort/i)
})

test('what is no URL is refused before anything is asked', () => {
  expect(() => chatEndpoint({ baseUrl: 'localhost:8000', model: 'm' })).toThrow('expected an http or https URL, got "localhost:8000"')
  expect(() => chatEndpoint({ baseUrl: '', model: 'm' })).toThrow('expected a base URL such as http://127.0.0.1:8000/v1, got ""')
  expect(() => chatEndpoint({ baseUrl: 'nowhere', model: 'm' })).toThrow(/expected a base URL such as/)
})

test('an address where nothing has answered yet is given up soon, an endpoint that has answered is waited for', async () => {
  const nowhere = await aChatServer(() => ({ drop: true }))
  await expect(chatEndpoint({ baseUrl: nowhere.baseUrl, model: 'm', pauseMs: 1, attempts: 9 }).complete(question)).rejects.toThrow(/no connection/)
  expect(nowhere.requests).toHaveLength(3)
  const { url } = await aJudgeServer(({ number }) => (number === 0 || number === 6 ? { reply: 'm' } : { drop: true }))
  const endpoint = chatEndpoint({ baseUrl: url, model: 'm', pauseMs: 1, attempts: 9 })
  await endpoint.complete([])
  expect(await endpoint.complete([])).toMatchObject({ text: 'm', attempts: 6 })
})

test('a log-probability of minus infinity, which JSON writes as null, is one', async () => {
  const { url } = await aJudgeServer(() => ({ text: JSON.stringify({ choices: [{ message: { content: 'm' }, logprobs: { content: [{ token: 'm', logprob: 0, top_logprobs: [{ token: 'm', logprob: 0 }, { token: 'M', logprob: null }] }] } }] }) }))
  expect((await chatEndpoint({ baseUrl: url, model: 'm' }).complete([])).logprobs![0]!.top[1]).toEqual({ token: 'M', logprob: -Infinity })
})

test('a refusal for want of a key says so', async () => {
  const { url } = await aJudgeServer(() => ({ status: 401 }))
  await expect(chatEndpoint({ baseUrl: url, model: 'm' }).complete([])).rejects.toThrow('Check the key: none was sent (DRIFT_JUDGE_API_KEY)')
  await expect(chatEndpoint({ baseUrl: url, model: 'm', key: 'k' }).complete([])).rejects.toThrow(/Check the key$/)
})
