import { describe, expect, it } from 'vitest'
import { aJudgeServer } from '../../../tests/support/judge-server.ts'
import { anEmptyDatabase } from '../../../tests/support/workspace.ts'
import { askAll, countKept, type Question } from './ask-all.ts'
import { chatEndpoint } from './chat-endpoint.ts'

const question = (text: string): Question => ({ messages: [{ role: 'user', content: text }], options: { maxTokens: 5, temperature: 0, topLogprobs: 5 } })
const questions = (n: number): Question[] => Array.from({ length: n }, (_, i) => question(`question ${i}`))
const endpointAt = (url: string, more: object = {}) => chatEndpoint({ baseUrl: url, model: 'judge-1', pauseMs: 1, ...more })
const saying = (reply: string) => () => ({ reply })

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
  it('leaves a question out that is not answered in time, and says so', async () => {
    const { url } = await aJudgeServer(({ body }) => (body.messages[0]!.content === 'question 1' ? { reply: 'm', delayMs: 60_000 } : { reply: 'm' }))
    const replies = await askAll(anEmptyDatabase(), endpointAt(url, { attempts: 2, timeoutMs: 2_000 }), questions(3), { url, concurrency: 1 })
    expect(replies.completions.map((completion) => completion?.text ?? null)).toEqual(['m', null, 'm'])
    expect(replies.firstFailure).toMatch(/expected an answer within 2 s, got none/)
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
    const { url, behave, requests } = await aJudgeServer(({ number }) => ({ reply: 'm', model: number < 3 ? 'judge-a' : 'judge-b' }))
    const asking = () => askAll(db, endpointAt(url), questions(6), { url, concurrency: 1 })
    await expect(asking()).rejects.toThrow(/expected replies of judge-a as before, got one of judge-b/)
    behave(() => ({ reply: 'm', model: 'judge-b' }))
    await expect(asking()).rejects.toThrow(/expected replies of judge-a as before, got one of judge-b\. .* the 3 replies so far are kept/)
    behave(() => ({ reply: 'm', model: 'judge-a' }))
    expect(await asking()).toMatchObject({ model: 'judge-a' })
    expect(requests).toHaveLength(8)
  })
})
