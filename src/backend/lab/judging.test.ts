import { describe, expect, it } from 'vitest'
import { aJudgeServer, type Behaviour } from '../../../tests/support/judge-server.ts'
import { aLabWorkspace, aRecipe, execute, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { parseRecipe, requireRecipe } from '../recipe-file.ts'
import { estimateRun } from '../estimate.ts'
import { listStages, pageOfSamples } from '../storage/run-stages.ts'
import { readLog } from '../storage/runs.ts'

/** A score from 1 to 10 that follows from the reply alone. */
const scoreOf = (text: string): number => 1 + ([...text].reduce((sum, character) => sum + character.charCodeAt(0), 0) % 10)
const answerIn = (body: { messages: { content: string }[] }): string => /<\|begin of answer\|>\n([^]*)\n<\|end of answer\|>/.exec(body.messages.at(-1)?.content ?? '')?.[1] ?? ''
const scores: Behaviour = ({ body }) => ({ reply: JSON.stringify({ score: String(scoreOf(answerIn(body))) }) })

const judged = (url: string, judge = {}): string => aRecipe('iterative-dpo', { reward: 'judge', iterations: 1, judge: { base_url: url, model: 'small-judge', concurrency: 2, ...judge } })

describe('rewards of a judge', () => {
  it('rank the samples as its scores do, and a killed run asks for nothing twice', async () => {
    const server = await aJudgeServer(scores)
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, judged(server.url, { concurrency: 1 }))
    expect((await execute(workspace, lease, { isFatal: (_tick, what) => what === 'told progress' && server.requests.length > 2 })).status).toBe('killed')
    expect((await execute(workspace, reclaim(workspace, lease.runId))).status).toBe('done')
    const { rows } = pageOfSamples(workspace.db, lease.runId, { stage: 'round-1/sample', newestFirst: false, offset: 0, limit: -1 })
    for (const { text, reward } of rows) expect(reward).toBe(scoreOf(text))
    const questions = server.requests.map(({ messages }) => JSON.stringify(messages))
    expect(new Set(questions).size).toBe(questions.length)
    expect(listStages(workspace.db, lease.runId).map(({ key }) => key)).not.toContain('reward/train')
  })

  it('that say nothing drop their pairs, and the log tells how many', async () => {
    const server = await aJudgeServer((request) => (request.number === 0 ? { reply: 'I would rather not say.' } : scores(request)))
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, judged(server.url))
    expect((await execute(workspace, lease)).status).toBe('done')
    expect(readLog(workspace.db, lease.runId).map(({ text }) => text).join('\n')).toMatch(/round-1\/reward: 1 of \d+ answers of the judge hold no score from 1 to 10, their pairs fall out/)
    expect(pageOfSamples(workspace.db, lease.runId, { stage: 'round-1/sample', newestFirst: false, offset: 0, limit: -1 }).rows.some(({ reward }) => reward === null)).toBe(true)
  })

  it('are asked for in words where the endpoint refuses json_object, and the log says so', async () => {
    const server = await aJudgeServer((request) => (request.body.response_format ? { status: 400 } : scores(request)))
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, judged(server.url))
    expect((await execute(workspace, lease)).status).toBe('done')
    expect(readLog(workspace.db, lease.runId).map(({ text }) => text).join('\n')).toMatch(/round-1\/reward: the endpoint refuses response_format: (\d+) of \1 replies were asked for as JSON in words alone/)
  })

  it('are estimated before the start, with cost where prices are given', () => {
    const workspace = aLabWorkspace()
    const estimateOf = (judge = {}) => estimateRun(requireRecipe(parseRecipe(judged('http://127.0.0.1:9/v1', judge))), workspace).judge
    // One round of 4 pairs: 1.6 x 4 requests, two replies each.
    expect(estimateOf()).toMatchObject({ queries: 13, cost: null, seconds: null })
    const priced = estimateOf({ prompt_price: 2, completion_price: 10 })
    expect(priced?.cost).toBeCloseTo((2 * priced!.promptTokens + 10 * priced!.completionTokens) / 1e6, 12)
  })
})

describe('the log of a run', () => {
  it('begins with what the method departs from its public description in, once', async () => {
    const workspace = aLabWorkspace()
    const lease = queueRun(workspace, aRecipe('drift'))
    await execute(workspace, lease, { isFatal: (tick) => tick === 30 })
    await execute(workspace, reclaim(workspace, lease.runId))
    const log = readLog(workspace.db, lease.runId).map(({ text }) => text)
    expect(log.filter((text) => text.startsWith('drift: as described in arXiv 2510.02341'))).toHaveLength(1)
    expect(log.filter((text) => text.startsWith('drift: ')).length).toBeGreaterThan(5)
  })
})
