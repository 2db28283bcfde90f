import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { aJudgeServer, probabilityOfFirst } from '../../../tests/support/judge-server.ts'
import { aFolder } from '../../../tests/support/workspace.ts'
import { OFFICIAL_BASELINE, OFFICIAL_JUDGE } from '../../core/evals/alpacaeval.ts'
import type { CallInput } from '../../shared/contract.ts'
import type { EvaluationRow } from '../../shared/evaluation.ts'
import { openBackend, type Backend } from '../index.ts'

async function aBackend(): Promise<Backend> {
  const backend = await openBackend({ workspace: join(aFolder(), 'w'), host: 'server' })
  onTestFinished(() => backend.close())
  return backend
}

function aFile(rows: readonly object[], name: string): string {
  const file = join(aFolder(), name)
  writeFileSync(file, JSON.stringify(rows))
  return file
}

const rowOf = async (backend: Backend, id: string): Promise<EvaluationRow> => (await backend.call('evaluations.list', {})).rows.find((row) => row.id === id)!

/** Starts one and waits for its end. */
async function evaluate(backend: Backend, evaluation: CallInput<'evaluations.start'>['evaluation']): Promise<EvaluationRow> {
  const { id } = await backend.call('evaluations.start', { evaluation })
  await expect.poll(async () => (await rowOf(backend, id)).status, { timeout: 20_000 }).not.toBe('running')
  return rowOf(backend, id)
}

const N = 120
/** The official judge mostly prefers the longer answer, as the test judge does, and is never undecided. */
const published = Array.from({ length: N }, (_, i) => {
  const [own, base] = [10 + ((i * 7) % 31), 25]
  const q = i % 10 === 0 ? 0.3 : own > base ? 0.9 : 0.2
  return { instruction: `do ${i}`, output_1: 'b'.repeat(base), output_2: 'o'.repeat(own), generator_1: OFFICIAL_BASELINE, generator_2: 'mine', annotator: OFFICIAL_JUDGE, preference: 1 + q }
})
const difficulty = Array.from({ length: N }, (_, i) => ({ index: i, instruction_difficulty: (i % 5) - 2 }))

describe('an evaluation from files', () => {
  it('has figures, intervals, badge, and the hashes of what it was made from', async () => {
    const backend = await aBackend()
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published, 'annotations.json'), difficulty: aFile(difficulty, 'difficulty.json') } })
    expect(row).toMatchObject({ status: 'done', badge: 'official', judge: OFFICIAL_JUDGE, reference: OFFICIAL_BASELINE, judgeUrl: null, error: null })
    expect(row.files).toEqual([{ role: 'annotations', path: expect.stringContaining('annotations.json') as string, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }, expect.objectContaining({ role: 'difficulty' })])
    const { win_rate, length_controlled_winrate } = row.intervals!
    const rate = row.benchmark === 'alpacaeval' ? row.figures!.win_rate : NaN
    expect(win_rate!.estimate).toBeCloseTo(rate, 9)
    expect(win_rate!.low).toBeLessThan(rate)
    expect(win_rate!.high).toBeGreaterThan(rate)
    expect(length_controlled_winrate!.low).toBeLessThan(length_controlled_winrate!.high)
  })
  it('of a bad file fails with the place, and can be removed and taken back', async () => {
    const backend = await aBackend()
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile([published[0]!, published[0]!], 'annotations.json') } })
    expect(row).toMatchObject({ status: 'failed', figures: null, error: expect.stringContaining('got "do 0" in rows 1 and 2') as string })
    await backend.call('evaluations.remove', { id: row.id, removed: true })
    expect((await backend.call('evaluations.list', {})).rows).toEqual([])
    await backend.call('evaluations.remove', { id: row.id, removed: false })
    expect((await backend.call('evaluations.list', {})).rows).toHaveLength(1)
  })
  it('WildBench scores and rewards have task figures where tags are known', async () => {
    const backend = await aBackend()
    const tags = aFile([{ id: 'a', primary_tag: 'Math' }, { id: 'b', primary_tag: 'Editing' }], 'tags.json')
    const scores = await evaluate(backend, { benchmark: 'wb-score', files: { scores: aFile([{ session_id: 'a', score: '8', model_output: 'x', model_test: 'm' }, { session_id: 'b', score: '6', model_output: 'y', model_test: 'm' }], 's.json'), tags } })
    expect(scores).toMatchObject({ model: 'm', badge: 'uncalibrated', figures: { wb_score: 40, task_categorized_scores: { 'Math & Data Analysis': 6, 'Creative Tasks': 2 } } })
    expect(scores.intervals!.wb_score!.estimate).toBeCloseTo(40, 9)
  })
})

describe('a judge', () => {
  const judge = (url: string) => ({ url, model: 'judge-1' })

  it('on published answers is calibrated: agreement, rank correlation, shift; its figures carry the badge', async () => {
    const backend = await aBackend()
    const annotations = aFile(published, 'annotations.json')
    const { url } = await aJudgeServer()
    await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations } })
    const own = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations }, judge: judge(url) })
    expect(own).toMatchObject({ status: 'done', badge: 'calibrated', judge: 'judge-1', judgeUrl: url })
    const { calibrations } = await backend.call('evaluations.list', {})
    expect(calibrations).toHaveLength(1)
    const [calibration] = calibrations
    const q = published.map(({ output_1, output_2 }) => probabilityOfFirst(output_2, output_1))
    const agreeing = published.filter(({ preference }, i) => q[i] !== 0.5 && preference > 1.5 === q[i]! > 0.5).length
    expect(calibration).toMatchObject({ benchmark: 'alpacaeval', judge: 'judge-1', n: N, agreementN: q.filter((one) => one !== 0.5).length })
    expect(calibration!.agreement.estimate).toBeCloseTo(agreeing / calibration!.agreementN, 12)
    expect(calibration!.rankCorrelation).toBeGreaterThan(0.5)
    expect(calibration!.shift.estimate).toBeCloseTo(100 * (q.reduce((sum, one, i) => sum + one - (published[i]!.preference - 1), 0) / N), 9)

    const [difference] = await backend.call('evaluations.differences', { ids: (await backend.call('evaluations.list', {})).rows.map(({ id }) => id).reverse() })
    expect(difference).toMatchObject({ id: own.id, shared: N, mcnemarP: expect.any(Number) as number })
    expect(difference!.difference.estimate).toBeCloseTo(calibration!.shift.estimate, 9)
  })

  it('without log-probabilities gives choices: badge discrete; prose is left out aloud', async () => {
    const backend = await aBackend()
    const { url } = await aJudgeServer(({ number }) => ({ withoutLogprobs: true, ...(number === 3 ? { reply: 'Both are fine.' } : number === 4 ? { reply: "I'm sorry, I can't compare these." } : {}) }))
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published.slice(0, 20), 'annotations.json') }, judge: { ...judge(url), concurrency: 1 } })
    expect(row).toMatchObject({ status: 'done', badge: 'discrete', figures: { n_total: 18 } })
    expect(row.notices.join('\n')).toMatch(/2 replies are not m or M and are left out \(first: "Both are fine\."\)/)
  })

  it('both orders are averaged: a judge that always picks the first is worth a tie everywhere', async () => {
    const backend = await aBackend()
    const { url, requests } = await aJudgeServer(() => ({ reply: 'm' }))
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published.slice(0, 20), 'annotations.json') }, judge: { ...judge(url), swap: true } })
    expect(row).toMatchObject({ judge: 'judge-1, both orders', figures: { win_rate: 50, n_draws: 20 } })
    expect(requests).toHaveLength(40)
  })

  it('of another name than asked for is said; a wrong key fails and can be resumed', async () => {
    const backend = await aBackend()
    const { url, behave, requests } = await aJudgeServer(({ number }) => (number >= 5 ? { status: 401 } : { model: 'judge-1-2026' }))
    const input = { benchmark: 'alpacaeval' as const, files: { annotations: aFile(published.slice(0, 20), 'annotations.json') }, judge: { ...judge(url), concurrency: 1 } }
    const failed = await evaluate(backend, input)
    expect(failed).toMatchObject({ status: 'failed', error: expect.stringMatching(/got 401.*Check the key.*5 of 20 replies are kept/) as string })
    expect(await backend.call('evaluations.estimate', { evaluation: input })).toMatchObject({ answers: 20, calls: 15, cached: 5, seconds: expect.any(Number) as number })
    behave(() => ({ model: 'judge-1-2026' }))
    await backend.call('evaluations.resume', { id: failed.id })
    await expect.poll(async () => (await rowOf(backend, failed.id)).status, { timeout: 20_000 }).toBe('done')
    expect(await rowOf(backend, failed.id)).toMatchObject({ judge: 'judge-1-2026', notices: expect.arrayContaining(['the endpoint answered as judge-1-2026 where judge-1 was asked for']) as string[] })
    expect(requests).toHaveLength(6 + 15)
  })

  it('scores and compares WildBench answers, in the order of the seed, with the tasks’ own tags', async () => {
    const backend = await aBackend()
    const { url, requests } = await aJudgeServer()
    const tasks = aFile(['a', 'b', 'c'].map((id) => ({ id, session_id: id, primary_tag: 'Math', secondary_tags: [], checklist: ['is right'], conversation_input: [{ role: 'user', content: `task ${id}` }] })), 'tasks.json')
    const answers = (generator: string, ...texts: string[]) => aFile(texts.map((text, i) => ({ session_id: 'abc'[i], output: [text], generator })), `${generator}.json`)
    const files = { tasks, outputs: answers('mine', 'xxxxxx', 'xx', 'xxx'), baseline: answers('ref', 'yy', 'yyyy', 'yyy') }
    const scores = await evaluate(backend, { benchmark: 'wb-score', files, judge: judge(url) })
    expect(scores).toMatchObject({ model: 'mine', judge: 'judge-1', badge: 'uncalibrated', figures: { total: 3, score: (7 + 3 + 4) / 3, task_categorized_scores: { 'Math & Data Analysis': (14 / 3 - 5) * 2 } } })
    const before = requests.length
    const rewards = await evaluate(backend, { benchmark: 'wb-reward', files, reference: 'ref', judge: { ...judge(url), concurrency: 1 } })
    // random.seed(42) draws 0.639, 0.025, 0.275: the model is B, A, A. The test judge says A++ where A is longer, B+ where B is.
    expect(requests.slice(before).map(({ messages }) => /begin of answer A\|>\n(.)/.exec(messages[0]!.content)?.[1])).toEqual(['y', 'x', 'x'])
    expect(rewards).toMatchObject({ model: 'mine', figures: { win: 1, lose: 1, tie: 1, win_much: 0, lose_much: 0, total: 3, reward: 0 } })
  })

  it('at an endpoint that refuses json_object is asked in words, once refused, and the evaluation says so, also where replies were kept', async () => {
    const backend = await aBackend()
    const { url, requests } = await aJudgeServer(({ body, number }) => (body.response_format ? { status: 400, text: '{"error":{"message":"json mode is not supported"}}' } : number === 2 ? { status: 401 } : undefined))
    const tasks = aFile(['a', 'b', 'c'].map((id) => ({ id, session_id: id, primary_tag: 'Math', secondary_tags: [], checklist: ['is right'], conversation_input: [{ role: 'user', content: `task ${id}` }] })), 'tasks.json')
    const outputs = aFile(['xxxxxx', 'xx', 'xxx'].map((text, i) => ({ session_id: 'abc'[i], output: [text], generator: 'mine' })), 'mine.json')
    const failed = await evaluate(backend, { benchmark: 'wb-score', files: { tasks, outputs }, judge: { ...judge(url), concurrency: 1 } })
    expect(failed).toMatchObject({ status: 'failed', error: expect.stringMatching(/got 401.* 1 of 3 replies are kept/) as string })
    await backend.call('evaluations.resume', { id: failed.id })
    await expect.poll(async () => (await rowOf(backend, failed.id)).status, { timeout: 20_000 }).toBe('done')
    expect(await rowOf(backend, failed.id)).toMatchObject({ figures: { total: 3, score: (7 + 3 + 4) / 3 }, notices: expect.arrayContaining(['the endpoint refuses response_format: 3 of 3 replies were asked for as JSON in words alone']) as string[] })
    expect(requests.map(({ response_format: format }) => format !== undefined)).toEqual([true, false, false, true, false, false])
  })
})

describe('a judge that misbehaves', () => {
  const judge = (url: string) => ({ url, model: 'judge-1', concurrency: 1 })
  const abc = ['a', 'b', 'c']
  const tasks = () => aFile(abc.map((id) => ({ id, session_id: id, primary_tag: 'Math', secondary_tags: [], checklist: ['is right'], conversation_input: [{ role: 'user', content: `task ${id}` }] })), 'tasks.json')
  const answers = (generator: string, ...texts: string[]) => aFile(texts.map((text, i) => ({ session_id: abc[i], output: [text], generator })), `${generator}.json`)
  const REFUSAL = "I'm sorry, I can't help with that."

  it.each([
    ['wb-score', {}, /1 reply is not a JSON object with score 1 to 10 and is left out \(first: "I'm sorry/],
    ['wb-reward', { reference: 'ref' }, /1 reply is not a JSON object with choice A\+\+, A\+, A=B, B\+ or B\+\+ and is left out/],
  ] as const)('%s: a refusal is left out aloud, and the figures speak of the rest', async (benchmark, more, notice) => {
    const backend = await aBackend()
    const { url } = await aJudgeServer(({ number }) => (number === 1 ? { reply: REFUSAL } : undefined))
    const row = await evaluate(backend, { benchmark, ...more, files: { tasks: tasks(), outputs: answers('mine', 'xxxxxx', 'xx', 'xxx'), ...(benchmark === 'wb-reward' ? { baseline: answers('ref', 'yy', 'yyyy', 'yyyyy') } : {}) }, judge: judge(url) })
    expect(row).toMatchObject({ status: 'done', figures: { total: 2 } })
    expect(row.notices.join('\n')).toMatch(notice)
  })

  it('that answers nothing but prose has no figures', async () => {
    const backend = await aBackend()
    const { url } = await aJudgeServer(() => ({ reply: REFUSAL }))
    const scores = await evaluate(backend, { benchmark: 'wb-score', files: { tasks: tasks(), outputs: answers('mine', 'x', 'y', 'z') }, judge: judge(url) })
    expect(scores).toMatchObject({ status: 'failed', figures: null, error: expect.stringMatching(/expected replies that decide, got none in 3: 3 replies are not a JSON object with score 1 to 10 and are left out \(first: "I'm sorry.*\. The replies are kept\. Name a model/) as string })
    const rates = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published.slice(0, 4), 'annotations.json') }, judge: judge(url) })
    expect(rates).toMatchObject({ status: 'failed', figures: null, error: expect.stringMatching(/expected replies that decide, got none in 4: 4 replies are not m or M and are left out/) as string })
  })

  it('that becomes another one ends the evaluation without figures', async () => {
    const backend = await aBackend()
    const { url } = await aJudgeServer(({ number }) => ({ model: number < 3 ? 'judge-a' : 'judge-b' }))
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published.slice(0, 8), 'annotations.json') }, judge: judge(url) })
    expect(row).toMatchObject({ status: 'failed', figures: null, error: expect.stringMatching(/expected replies of judge-a as before, got one of judge-b\. Figures of two judges are not averaged; the 3 replies so far are kept/) as string })
  })

  it('that gives log-probabilities for some replies alone has a discrete figure, and how many is said', async () => {
    const backend = await aBackend()
    const { url } = await aJudgeServer(({ number }) => (number % 4 === 0 ? { withoutLogprobs: true } : undefined))
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: aFile(published.slice(0, 8), 'annotations.json') }, judge: judge(url) })
    expect(row).toMatchObject({ status: 'done', badge: 'discrete', notices: expect.arrayContaining(['2 of 8 replies came without log-probabilities and count as choices among probabilities']) as string[] })
  })
})

describe('answers and baseline', () => {
  const answered = (generator: string, which: number[], text = generator) => aFile(which.map((i) => ({ instruction: `do ${i}`, output: `${text} ${i}`, generator })), `${generator}.json`)
  const all = Array.from({ length: 805 }, (_, i) => i)

  it('of 805 rows with gaps are judged where both have an answer, and every gap is counted', { timeout: 60_000 }, async () => {
    const backend = await aBackend()
    const { url, requests } = await aJudgeServer()
    const input = { benchmark: 'alpacaeval' as const, files: { outputs: answered('mine', all.filter((i) => i % 100 !== 7), 'an answer'), baseline: answered('base', all.filter((i) => i !== 3)) }, judge: { url, model: 'judge-1', concurrency: 16 } }
    const row = await evaluate(backend, input)
    // Nine have no answer (7, 107, … 807 is none: eight), one has no baseline.
    expect(row).toMatchObject({ status: 'done', figures: { n_total: 796 } })
    expect(row.notices).toEqual(expect.arrayContaining(['8 of 804 instructions of the baseline have no answer and are not judged', '1 answers are to instructions that the baseline lacks and are not judged', '796 of 805 instructions are in the file: the figures speak of those alone']))
    expect(requests).toHaveLength(796)
  })

  it.each([['outputs', 'mine'], ['baseline', 'base']] as const)('with an instruction twice in %s are refused before the judge is asked', async (role, generator) => {
    const backend = await aBackend()
    const { url, requests } = await aJudgeServer()
    const files = { outputs: answered('mine', [1, 2, 3]), baseline: answered('base', [1, 2, 3]), [role]: answered(generator, [1, 2, 2]) }
    const row = await evaluate(backend, { benchmark: 'alpacaeval', files, judge: { url, model: 'judge-1' } })
    expect(row).toMatchObject({ status: 'failed', error: expect.stringMatching(/got "do 2" in rows 2 and 3\. Remove one of them/) as string })
    expect(requests).toHaveLength(0)
  })

  it('of two baselines, or under two margins, are not subtracted', async () => {
    const backend = await aBackend()
    const rows = (baseline: string) => aFile(published.slice(0, 5).map((row) => ({ ...row, generator_1: baseline })), 'annotations.json')
    const [one, other] = [await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: rows(OFFICIAL_BASELINE) } }), await evaluate(backend, { benchmark: 'alpacaeval', files: { annotations: rows('another') } })]
    await expect(backend.call('evaluations.differences', { ids: [one.id, other.id] })).rejects.toThrow(/expected evaluations against one reference under one length margin, got gpt4_1106_preview .* and another/)
  })

  it('scores of two judges in one file are refused', async () => {
    const backend = await aBackend()
    const row = await evaluate(backend, { benchmark: 'wb-score', files: { scores: aFile(['x', 'y'].map((judge, i) => ({ session_id: String(i), score: '5', model_output: 'a', model_test: 'm', judge })), 's.json') } })
    expect(row).toMatchObject({ status: 'failed', error: expect.stringMatching(/expected one judge, got "x" and "y"\. Split the file by judge/) as string })
  })
})
