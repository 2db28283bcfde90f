import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { aJudgeServer, probabilityOfFirst } from '../../tests/support/judge-server.ts'
import { aFolder, aJsonlFile } from '../../tests/support/workspace.ts'
import { SHIPPED_BASE } from '../backend/demo/base.ts'

/** `drift eval …` in a process of its own. */
const drift = (...words: string[]): ReturnType<typeof cli> => cli('eval', ...words)

function cli(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'index.ts'), ...words], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }))
  })
}

const annotation = (i: number, change: object = {}) => ({ instruction: `do ${i}`, output_1: 'b'.repeat(5 + i), output_2: 'o'.repeat(9), generator_1: 'gpt4_1106_preview', generator_2: 'mine', annotator: 'weighted_alpaca_eval_gpt4_turbo', preference: 1 + i / 10, ...change })

test('alpacaeval: one JSON object on stdout, what the figures are not on stderr', { timeout: 60_000 }, async () => {
  const file = join(aFolder(), 'annotations.json.gz')
  writeFileSync(file, gzipSync(JSON.stringify([annotation(1), annotation(5), annotation(9)])))
  const { code, stdout, stderr } = await drift('alpacaeval', '--annotations', file, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ n_total: 3, n_wins: 1, n_wins_base: 1, n_draws: 1, win_rate: 50, discrete_win_rate: 50, avg_length: 9, length_controlled_winrate: null, lc_c: null, lc_weights: null, judge: 'weighted_alpaca_eval_gpt4_turbo', badge: 'official' })
  expect(stderr).toMatch(/3 of 805 instructions are in the file/)
  expect(stderr).toMatch(/length_controlled_winrate is null: no difficulty file was given/)
})

test('wildbench: scores or comparisons, never both; a reference must be named', { timeout: 60_000 }, async () => {
  const scores = aJsonlFile([{ session_id: 'a', score: '9', model_output: 'x', model_test: 'mine' }, { session_id: 'b', score: '6', model_output: 'xyz', model_test: 'mine' }], 'scores.jsonl')
  const [one, both, unnamed] = await Promise.all([drift('wildbench', '--scores', scores, '--json'), drift('wildbench', '--scores', scores, '--pairwise', scores), drift('wildbench', '--pairwise', scores)])
  expect(JSON.parse(one.stdout)).toMatchObject({ total: 2, score: 7.5, adjusted_score: 5, wb_score: 50, task_macro_score: null, task_categorized_scores: null, avg_len: 2, model: 'mine', badge: 'uncalibrated' })
  expect(one.stderr).toMatch(/task figures are null: no file with task tags was given/)
  expect([both.code, unnamed.code]).toEqual([2, 2])
  expect(unnamed.stderr).toMatch(/expected --reference/)
})

test('bad files end with 2 and one line that names the place', { timeout: 60_000 }, async () => {
  const twice = aJsonlFile([annotation(1), annotation(1)], 'annotations.jsonl')
  const cut = join(aFolder(), 'annotations.json.gz')
  writeFileSync(cut, gzipSync(JSON.stringify([annotation(1)])).subarray(0, 60))
  const ended = await Promise.all([drift('alpacaeval', '--annotations', twice, '--json'), drift('alpacaeval', '--annotations', cut), drift('alpacaeval', '--annotations', join(aFolder(), 'none.json')), drift('alpacaeval', '--annotations', twice, '--c', '0')])
  expect(ended.map(({ code }) => code)).toEqual([2, 2, 2, 2])
  expect(ended.map(({ stdout }) => stdout)).toEqual(['', '', '', ''])
  expect(ended[0]?.stderr).toMatch(/got "do 1" in rows 1 and 2\. Remove one of them/)
  expect(ended[1]?.stderr).toMatch(/annotations\.json\.gz.*(cannot be read to its end|ends within this row|ends early)/)
  expect(ended[2]?.stderr).toMatch(/expected a file, found none at .*none\.json/)
})

test('a judge on published answers that the workspace has is calibrated by them', { timeout: 60_000 }, async () => {
  const { url } = await aJudgeServer()
  const rows = Array.from({ length: 110 }, (_, i) => annotation(i, { output_2: 'o'.repeat(1 + ((i * 7) % 200)), output_1: 'b'.repeat(100), preference: (i * 7) % 200 > 99 ? 1.8 : 1.1 }))
  const annotations = aJsonlFile(rows, 'annotations.jsonl')
  const workspace = join(aFolder(), 'w')
  expect(JSON.parse((await drift('alpacaeval', '--annotations', annotations, '--workspace', workspace, '--json')).stdout)).toMatchObject({ badge: 'official', evaluation: expect.any(String) as string })
  const judged = await drift('alpacaeval', '--annotations', annotations, '--judge-url', url, '--judge-model', 'judge-1', '--workspace', workspace, '--json')
  expect(JSON.parse(judged.stdout)).toMatchObject({ badge: 'calibrated', judge: 'judge-1', calibration: { n: 110, agreement: { estimate: 1 } } })
  expect(judged.stderr).toMatch(/agrees with the published judge on 100\.0 % of 110 answers/)
})

test('a judge: estimate, figures, a file in the published format, and nothing asked twice', { timeout: 60_000 }, async () => {
  const { url, requests } = await aJudgeServer()
  const answers = (generator: string, length: (i: number) => number) => Array.from({ length: 6 }, (_, i) => ({ instruction: `do ${i}`, output: 'x'.repeat(length(i)), generator }))
  const words = ['alpacaeval', '--outputs', aJsonlFile(answers('mine', (i) => 10 + i), 'own.jsonl'), '--baseline', aJsonlFile(answers('base', (i) => (i === 5 ? 15 : 12)), 'base.jsonl'), '--judge-url', url, '--judge-model', 'judge-1', '--workspace', join(aFolder(), 'w'), '--json']
  const estimate = await drift(...words, '--estimate', '--price', '2,8')
  expect(JSON.parse(estimate.stdout)).toMatchObject({ answers: 6, calls: 4, cached: 0, completionTokens: 4, seconds: null, cost: expect.any(Number) as number })
  expect(requests).toHaveLength(0)

  const first = await drift(...words)
  expect(first.stderr).toMatch(/4 calls \(0 replies are here already\)/)
  const figures = JSON.parse(first.stdout) as { win_rate: number; file: string }
  // Whatever the order shown, the judge gives the model what its length deserves; two pairs of identical answers are ties without a call.
  const expected = [0, 1, 2, 3, 4].map((i) => probabilityOfFirst('x'.repeat(10 + i), 'x'.repeat(12)))
  expect(figures).toMatchObject({ n_total: 6, n_draws: 2, model: 'mine', judge: 'judge-1', badge: 'uncalibrated', evaluation: 'alpacaeval-own' })
  expect(figures.win_rate).toBeCloseTo((100 * (expected.reduce((sum, p) => sum + p, 0) + 0.5)) / 6, 9)
  expect(requests).toHaveLength(4)

  const again = await drift('alpacaeval', '--annotations', figures.file, '--json')
  expect(JSON.parse(again.stdout)).toMatchObject({ win_rate: figures.win_rate, model: 'mine', judge: 'judge-1', badge: 'uncalibrated' })
  expect(JSON.parse((await drift(...words)).stdout)).toMatchObject({ win_rate: figures.win_rate, evaluation: 'alpacaeval-own-2' })
  expect(requests).toHaveLength(4)
})

test('answer: the texts are those of drift sample, in a file that a judge here takes, and --resume wants a set that stopped', { timeout: 90_000 }, async () => {
  const rows = ['name a tree', 'a plan for lunch', 'three rules'].map((instruction) => ({ instruction, output: 'an oak', generator: 'base' }))
  const [workspace, prompts] = [join(aFolder(), 'w'), aJsonlFile(rows, 'prompts.jsonl')]
  const settings = ['--max-new-tokens', '24', '--temperature', '0.8', '--seed', '7', '--batch-size', '2']
  const answered = await drift('answer', '--workspace', workspace, '--benchmark', 'alpacaeval', '--prompts', prompts, '--model', SHIPPED_BASE, ...settings, '--json')
  expect(answered.stderr).toMatch(/^drift: 3 answers of at most 24 tokens · (at most )?about [\d:]+, measured just now · memory about \d+ MB · disk at most \d kB$/m)
  const estimated = await drift('answer', '--workspace', workspace, '--benchmark', 'alpacaeval', '--prompts', prompts, '--model', SHIPPED_BASE, ...settings, '--estimate', '--json')
  expect(JSON.parse(estimated.stdout)).toMatchObject({ answers: 3, maxNewTokens: 24, time: { basis: 'earlier', atMost: false } })
  const set = JSON.parse(answered.stdout) as { file: string; answers: string }
  expect(set).toMatchObject({ answers: 'alpacaeval-base-model', generator: 'base-model', run: null, checkpoint: null, model_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string, total: 3, sampling: { temperature: 0.8, seed: 7, batch_size: 2, max_new_tokens: 24 } })
  const file = JSON.parse(readFileSync(set.file, 'utf8')) as { instruction: string; output: string }[]
  expect(file.map(({ instruction }) => instruction)).toEqual(rows.map(({ instruction }) => instruction))

  const sampled = await cli('sample', '--model', SHIPPED_BASE, '--prompts', aJsonlFile(rows.map(({ instruction }) => ({ prompt: [{ role: 'user', content: instruction }] }))), ...settings)
  expect(file.map(({ output }) => output)).toEqual(sampled.stdout.trim().split('\n').map((line) => (JSON.parse(line) as { text: string }).text))

  const { url } = await aJudgeServer()
  const judged = await drift('alpacaeval', '--outputs', set.file, '--baseline', prompts, '--judge-url', url, '--judge-model', 'judge-1', '--workspace', workspace, '--json')
  expect(JSON.parse(judged.stdout)).toMatchObject({ n_total: 3, answered_by: { id: set.answers, run: null } })

  const [done, neither, both] = await Promise.all([drift('answer', '--workspace', workspace, '--resume', set.answers), drift('answer', '--workspace', workspace, '--benchmark', 'alpacaeval', '--prompts', prompts), drift('answer', '--workspace', workspace)])
  expect([done.code, neither.code, both.code]).toEqual([2, 2, 2])
  expect(done.stderr).toMatch(/got one that is done/)
  expect(neither.stderr).toMatch(/expected either --run \(and --round\) or --model/)
  expect(both.stderr).toMatch(/expected --benchmark and --prompts, or --resume/)
})
