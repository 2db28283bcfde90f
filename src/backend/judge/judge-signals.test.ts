import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aChatServer, type ChatReply, type ChatRequest } from '../../../tests/support/chat-server.ts'
import { aFolder, aJsonlFile, turns } from '../../../tests/support/workspace.ts'
import { importFiles } from '../imports/import-files.ts'
import { openWorkspace, type Workspace } from '../storage/open.ts'
import { summarizeSignals } from '../storage/signals.ts'
import { DEFAULT_JUDGE, keepSecondsPerCall, readJudgeSettings, writeJudgeSettings } from './judge-settings.ts'
import { estimateJudge, judgeFor, runJudge } from './judge-signals.ts'

const REACTIONS = 12
async function aWorkspace(): Promise<Workspace> {
  const workspace = openWorkspace(join(aFolder(), 'w'))
  onTestFinished(() => workspace.close())
  const rows = Array.from({ length: REACTIONS }, (_, i) => ({ id: `c${i}`, messages: turns(`request ${i}`, 'kiwi', i % 2 === 0 ? `wrong, number ${i}` : `thanks ${i}`), labels: i === 9 ? [{ turn_index: 2, dsat: false, sat: true }] : [] }))
  await importFiles(workspace.db, [aJsonlFile(rows)])
  return workspace
}

const verdict = ({ body }: ChatRequest): ChatReply => {
  const message = body.messages[1]?.content.split('<message>')[1] ?? ''
  return { content: JSON.stringify({ label: message.includes('wrong') ? 'dissatisfied' : 'satisfied', dsat_probability: message.includes('wrong') ? 0.95 : 0.02, categories: message.includes('wrong') ? ['factual error'] : ['gratitude'], evidence: message.includes('wrong') ? 'wrong' : 'thanks' }) }
}
const settings = (baseUrl: string, more = {}) => ({ ...DEFAULT_JUDGE, baseUrl, model: 'm', ...more })
const cost = { promptPrice: 2, completionPrice: 10 }

test('every answered turn is judged with a schema, at most so many at once; another decider’s labels stay', async () => {
  const workspace = await aWorkspace()
  const server = await aChatServer((request) => ({ ...verdict(request), afterMs: 20 }))
  const used = settings(server.baseUrl, { concurrency: 3, ...cost })
  const judge = judgeFor(used, workspace.path)
  expect(estimateJudge(workspace.db, judge, { ...used, secondsPerCall: 2 }, null)).toMatchObject({ turns: REACTIONS, cached: 0, seconds: (REACTIONS * 2) / 3, cost: expect.any(Number) as number })
  const report = await runJudge(workspace.db, judge, used, { limit: null })
  expect(report).toMatchObject({ detector: 'judge', turns: REACTIONS, dissatisfied: 6, satisfied: 6, calls: REACTIONS, unreadable: 0, structured: true, cost: (REACTIONS * (100 * 2 + 10 * 10)) / 1e6 })
  expect(server.mostAtOnce()).toBe(3)
  expect(server.requests[0]?.body.response_format).toMatchObject({ type: 'json_schema', json_schema: { strict: true } })
  const { deciders, categories } = summarizeSignals(workspace.db)
  expect(deciders).toMatchObject([{ decider: 'judge', version: judge.version, count: REACTIONS }, { decider: 'imported', count: 1 }])
  expect(categories.map(({ category }) => category)).toEqual(['factual error', 'gratitude'])
})

test('what was answered is on disk: after a failure only the rest is asked, and a run again asks nothing', async () => {
  const workspace = await aWorkspace()
  let refusing = true
  const server = await aChatServer((request, i) => (refusing && i >= 5 ? { status: 401, raw: '{"error":"no credit"}' } : verdict(request)))
  const used = settings(server.baseUrl, { concurrency: 1 })
  await expect(runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: null })).rejects.toThrow(/got 401 \(no credit\)/)
  refusing = false
  const asked = server.requests.length
  expect(estimateJudge(workspace.db, judgeFor(used, workspace.path), { ...used, secondsPerCall: null }, null)).toMatchObject({ cached: 5, seconds: null })
  expect(await runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: null })).toMatchObject({ cached: 5, calls: REACTIONS - 5 })
  expect(server.requests).toHaveLength(asked + REACTIONS - 5)
  expect(await runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: null })).toMatchObject({ cached: REACTIONS, calls: 0, turns: REACTIONS })
})

test('another rubric is another question and another decider', async () => {
  const workspace = await aWorkspace()
  const server = await aChatServer(verdict)
  const used = settings(server.baseUrl)
  const first = judgeFor(used, workspace.path)
  await runJudge(workspace.db, first, used, { limit: 1 })
  const edited = judgeFor({ ...used, rubric: `${used.rubric}\n- relief: is relieved` }, workspace.path)
  expect(edited.version).not.toBe(first.version)
  expect(await runJudge(workspace.db, edited, used, { limit: 1 })).toMatchObject({ cached: 0, calls: 1 })
})

test('labelled turns come first: they tell how good the judge is', async () => {
  const workspace = await aWorkspace()
  const server = await aChatServer(verdict)
  await runJudge(workspace.db, judgeFor(settings(server.baseUrl), workspace.path), settings(server.baseUrl), { limit: 1 })
  expect(server.requests[0]?.body.messages[1]?.content).toContain('thanks 9')
})

test('a server without structured output is asked in words, and the report says so', async () => {
  const workspace = await aWorkspace()
  const server = await aChatServer((request) => (request.body.response_format ? { status: 400, raw: '{"error":{"message":"response_format is not supported"}}' } : { content: `Sure.\n${verdict(request).content}` }))
  const used = settings(server.baseUrl, { concurrency: 1 })
  expect(await runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: 4 })).toMatchObject({ turns: 4, structured: false })
  expect(server.requests.map(({ body }) => body.response_format !== undefined)).toEqual([true, false, false, false, false])
})

test('requests that are refused together are each asked again in words, and no time is counted twice', async () => {
  const workspace = await aWorkspace()
  const refusal = { status: 400, raw: '{"error":{"message":"response_format is not supported"}}', afterMs: 30 }
  const server = await aChatServer((request) => (request.body.response_format ? refusal : verdict(request)))
  const used = settings(server.baseUrl, { concurrency: 3 })
  expect(await runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: 3 })).toMatchObject({ turns: 3, unreadable: 0, calls: 3, structured: false })
  expect(server.requests).toHaveLength(6)
  const another = settings(server.baseUrl, { concurrency: 1, model: 'another' })
  const alone = await runJudge(workspace.db, judgeFor(another, workspace.path), another, { limit: 1 })
  // One call after the other: together they took no longer than the run.
  expect(alone.calls).toBe(1)
  expect(alone.callSeconds).toBeLessThanOrEqual(alone.seconds)
})

test('settings edited while a run goes on stay; its pace is kept where they still name its judge', () => {
  const folder = aFolder()
  const ran = settings('http://127.0.0.1:1/v1')
  writeJudgeSettings(folder, { ...ran, rubric: `${ran.rubric}\n- relief`, concurrency: 9, secondsPerCall: 7 })
  keepSecondsPerCall(folder, ran, 2)
  expect(readJudgeSettings(folder)).toMatchObject({ rubric: `${ran.rubric}\n- relief`, concurrency: 9, secondsPerCall: 2 })
  writeJudgeSettings(folder, { ...ran, model: 'another', secondsPerCall: null })
  keepSecondsPerCall(folder, ran, 2)
  expect(readJudgeSettings(folder)).toMatchObject({ model: 'another', secondsPerCall: null })
})

test('prose is asked for once more; a turn that stays prose gets no signal and is counted with its reason', async () => {
  const workspace = await aWorkspace()
  const server = await aChatServer((request) => {
    const text = request.body.messages[1]?.content ?? ''
    if (text.includes('number 0')) return { content: 'I would rather not say.' }
    return request.body.messages.length > 2 ? verdict(request) : { content: 'The user seems unhappy.' }
  })
  const used = settings(server.baseUrl)
  expect(await runJudge(workspace.db, judgeFor(used, workspace.path), used, { limit: 3 })).toMatchObject({ turns: 2, unreadable: 1, firstProblem: expect.stringContaining('I would rather not say') as string })
})

test('no endpoint, no judge', () => {
  expect(() => judgeFor(settings(''), aFolder())).toThrow(/expected the base URL and the model of an OpenAI-compatible endpoint/)
})
