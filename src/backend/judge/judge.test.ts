import { describe, expect, it } from 'vitest'
import { aJudgeServer } from '../../../tests/support/judge-server.ts'
import { anEmptyDatabase } from '../../../tests/support/workspace.ts'
import { askAll, countKept, type Question } from './ask-all.ts'
import { chatEndpoint, EndpointError } from './chat-endpoint.ts'

const question = (text: string): Question => ({ messages: [{ role: 'user', content: text }], options: { maxTokens: 5, temperature: 0, topLogprobs: 5 } })
const questions = (n: number): Question[] => Array.from({ length: n }, (_, i) => question(`question ${i}`))
const endpointAt = (url: string, more: object = {}) => chatEndpoint({ baseUrl: url, model: 'judge-1', pauseMs: 1, ...more })
const saying = (reply: string) => () => ({ reply })

describe('an endpoint', () => {
  it('gives text, the name it answers under, and the alternatives of each token', async () => {
    const { url, requests } = await aJudgeServer(() => ({ reply: 'yes', model: 'judge-1-2026' }))
    const completion = await endpointAt(url, { key: 'k' }).complete([{ role: 'user', content: 'x' }], { maxTokens: 5, temperature: 1, topLogprobs: 5 })
    expect(completion).toMatchObject({ text: 'yes', model: 'judge-1-2026', logprobs: [{ token: 'yes', top: [{ token: 'yes', logprob: -0.1 }] }], completionTokens: 1 })
    expect(requests[0]).toMatchObject({ model: 'judge-1', max_tokens: 5, temperature: 1, logprobs: true, top_logprobs: 5 })
  })
  it('without log-probabilities, or one that refuses the key, answers with text alone', async () => {
    const silent = await aJudgeServer(() => ({ reply: 'm', withoutLogprobs: true }))
    expect((await endpointAt(silent.url).complete([], { topLogprobs: 5 })).logprobs).toBeNull()
    const refusing = await aJudgeServer(({ body }) => (body.logprobs ? { status: 400, text: '{"error":{"message":"logprobs are not supported"}}' } : { reply: 'M' }))
    const endpoint = endpointAt(refusing.url)
    expect(await endpoint.complete([], { topLogprobs: 5 })).toMatchObject({ text: 'M', logprobs: null })
    await endpoint.complete([], { topLogprobs: 5 })
    // It is tried once, then no more.
    expect(refusing.requests.map(({ logprobs }) => logprobs ?? false)).toEqual([true, false, false])
  })
  it('waits as long as the server asks, every request of it', async () => {
    const { url, times } = await aJudgeServer(({ number }) => (number === 0 ? { status: 429, headers: { 'retry-after': '1' } } : { reply: 'm' }))
    const endpoint = endpointAt(url)
    const first = endpoint.complete([])
    while (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 100))
    await Promise.all([first, endpoint.complete([])])
    expect(times).toHaveLength(3)
    // Lower bounds alone: a slow machine only makes them longer.
    expect(times[1]! - times[0]!).toBeGreaterThan(900)
    expect(times[2]! - times[0]!).toBeGreaterThan(900)
  })
  it('tries lost connections, time-outs, overload and broken answers again, and gives up with the reason', async () => {
    const { url, requests } = await aJudgeServer(({ number }) => [{ drop: true as const }, { status: 503 }, { text: '<html>busy</html>' }, { delayMs: 2500 }, { reply: 'm' }][number])
    expect(await endpointAt(url, { timeoutMs: 1000 }).complete([])).toMatchObject({ text: 'm', attempts: 5 })
    expect(requests).toHaveLength(5)
    const broken = await aJudgeServer(() => ({ text: '{"choices":[]}' }))
    await expect(endpointAt(broken.url, { attempts: 2 }).complete([])).rejects.toThrow(/expected choices\[0\]\.message\.content, got \{"choices":\[\]\}/)
    expect(broken.requests).toHaveLength(2)
  })
  it('that refuses the key or does not know the model is an error at once', async () => {
    const { url, requests } = await aJudgeServer(({ authorization }) => (authorization === 'Bearer right' ? { status: 404 } : { status: 401 }))
    await expect(endpointAt(url, { key: 'wrong' }).complete([])).rejects.toThrow(/got 401 .*Check the key/)
    await expect(endpointAt(url, { key: 'right' }).complete([])).rejects.toThrow(/got 404 .*Check the base URL and the model/)
    expect(requests).toHaveLength(2)
    await expect(endpointAt('http://127.0.0.1:9', { attempts: 1 }).complete([])).rejects.toThrow(EndpointError)
    expect(() => endpointAt('nowhere')).toThrow(/expected a base URL such as/)
  })
})

describe('asking all', () => {
  it('asks several at once, never more, and keeps the order', async () => {
    let now = 0
    let most = 0
    const { url } = await aJudgeServer(({ body }) => {
      most = Math.max(most, ++now)
      setTimeout(() => (now -= 1), 20)
      return { delayMs: 20, reply: body.messages[0]!.content }
    })
    const { completions } = await askAll(anEmptyDatabase(), endpointAt(url), questions(12), { url, concurrency: 3 })
    expect(completions.map((completion) => completion?.text)).toEqual(questions(12).map(({ messages }) => messages[0]!.content))
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(3)
  })
  it('never asks the same twice, and goes on where it was stopped', async () => {
    const db = anEmptyDatabase()
    const { url, requests } = await aJudgeServer(saying('m'))
    const abort = new AbortController()
    await expect(askAll(db, endpointAt(url), questions(9), { url, concurrency: 1, signal: abort.signal, onProgress: ({ done }) => done === 4 && abort.abort() })).rejects.toThrow(/abort/i)
    expect(countKept(db, url, 'judge-1', questions(9))).toBe(4)
    const before = requests.length
    expect((await askAll(db, endpointAt(url), questions(9), { url, concurrency: 2 })).completions).toHaveLength(9)
    expect(requests.length - before).toBe(5)
    await askAll(db, endpointAt(url), questions(9), { url, concurrency: 2 })
    expect(requests.length - before).toBe(5)
    // Another temperature is another question.
    expect(countKept(db, url, 'judge-1', questions(9).map((one) => ({ ...one, options: { ...one.options, temperature: 1 } })))).toBe(0)
  })
  it('leaves a question out that the endpoint fails on, and says why; resume asks that one again', async () => {
    const db = anEmptyDatabase()
    const server = await aJudgeServer(({ body }) => (body.messages[0]!.content === 'question 2' ? { status: 500 } : { reply: 'm' }))
    const replies = await askAll(db, endpointAt(server.url, { attempts: 2 }), questions(5), { url: server.url, concurrency: 1 })
    expect(replies.completions.map((completion) => completion?.text ?? null)).toEqual(['m', 'm', null, 'm', 'm'])
    expect(replies.firstFailure).toMatch(/got 500/)
    server.behave(saying('m'))
    const before = server.requests.length
    expect((await askAll(db, endpointAt(server.url), questions(5), { url: server.url, concurrency: 1 })).completions.every((completion) => completion !== null)).toBe(true)
    expect(server.requests.length - before).toBe(1)
  })
  it('stops where the endpoint is gone or refuses, keeping what came', async () => {
    const db = anEmptyDatabase()
    const { url, requests } = await aJudgeServer(({ number }) => (number < 3 ? { reply: 'm' } : { drop: true }))
    await expect(askAll(db, endpointAt(url, { attempts: 1 }), questions(40), { url, concurrency: 1 })).rejects.toThrow(/no connection .* 3 of 40 replies are kept/)
    expect(requests).toHaveLength(8)
    const wrongKey = await aJudgeServer(() => ({ status: 401 }))
    await expect(askAll(db, endpointAt(wrongKey.url), questions(40), { url: wrongKey.url, concurrency: 2 })).rejects.toThrow(/got 401.*Check the key.* 0 of 40 replies are kept/)
    expect(wrongKey.requests.length).toBeLessThanOrEqual(2)
  })
  it('ends where the judge becomes another one, also across a resume', async () => {
    const db = anEmptyDatabase()
    const { url, behave } = await aJudgeServer(({ number }) => ({ reply: 'm', model: number < 3 ? 'judge-a' : 'judge-b' }))
    const asking = () => askAll(db, endpointAt(url), questions(6), { url, concurrency: 1 })
    await expect(asking()).rejects.toThrow(/expected replies of judge-a as before, got one of judge-b/)
    behave(() => ({ reply: 'm', model: 'judge-b' }))
    await expect(asking()).rejects.toThrow(/expected replies of judge-a as before, got one of judge-b/)
  })
})
