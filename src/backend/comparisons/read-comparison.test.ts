import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe, execute, queueRun, type RecipeChanges, seedPairs } from '../../../tests/support/lab-workspace.ts'
import { parse } from 'yaml'
import { type ArmRun, armsOf } from '../../core/arms.ts'
import { normsOver } from '../../core/comparison.ts'
import type { Comparison } from '../../shared/comparison.ts'
import { recipeSchema } from '../../shared/recipe.ts'
import type { PromptRow } from '../../shared/types.ts'
import { demoMethods, demoRecipe, type DemoSize } from '../demo/settings.ts'
import { readAnswers, readBoard } from '../storage/boards.ts'
import { comparedRuns } from '../storage/comparisons.ts'
import { createDataset, readDatasetRows } from '../storage/datasets.ts'
import type { Workspace } from '../storage/open.ts'
import { insertMetric } from '../storage/run-stages.ts'
import type { Lease } from '../storage/runs.ts'
import { lineageOf } from './answer-lineage.ts'
import { readExplored } from './explore-runs.ts'
import { keptComparison, makeComparison, markOfComparison, readComparison } from './read-comparison.ts'

const RACE = { group: 'race' }

function queueInRace(workspace: Workspace, recipe: string, seed: number): Lease {
  const lease = queueRun(workspace, aRecipe(recipe, { seed }))
  workspace.db.prepare('UPDATE runs SET group_name = ? WHERE id = ?').run(RACE.group, lease.runId)
  return lease
}

const kept = (workspace: Workspace) => keptComparison(workspace, RACE, markOfComparison(workspace.db, RACE))

/** A finished run with what an evaluation of it would have left. */
function aFinished(workspace: Workspace, recipe: string, changes: RecipeChanges, scores: Record<number, number>, dataset = 'test'): string {
  const { runId } = queueRun(workspace, aRecipe(recipe, { iterations: 1, ...changes }))
  const { db } = workspace
  db.prepare("UPDATE runs SET status = 'done' WHERE id = ?").run(runId)
  const insert = db.prepare("INSERT INTO run_evaluations (run_id, round, dataset, temperature, prompt_index, sample_index, seed, text, score, reward, pass, checks, items, solution_size, tokens, entropy, finish_reason) VALUES (?, ?, ?, ?, ?, 0, 5, 'text', ?, 0, ?, '{}', '[]', 4, 10, 0.5, 'stop')")
  for (const [round, score] of Object.entries(scores)) for (const temperature of [0, 1]) for (const prompt of [0, 1, 2]) insert.run(runId, Number(round), dataset, temperature, prompt, score + prompt / 100, Number(score > 0.5))
  return runId
}
const training = (learning_rate: number) => ({ learning_rate, optim: 'adamw_torch', per_device_train_batch_size: 2, num_train_epochs: 1 })
const warm_start = { dataset: 'seed-pairs', num_train_epochs: 2, learning_rate: 0.05 }
const finals = ({ methods }: Comparison) => Object.fromEntries(methods.map(({ key, byTemperature }) => [key, Number(byTemperature[0]!.rounds.at(-1)!.score.estimate.toFixed(2))]))

it('the built-in experiment keeps its plain keys', () => {
  const size = { pairsPerRound: 8, iterations: 2, k: 2, testPrompts: 8, oracle: true } as DemoSize
  const runs = [1, 2].flatMap((seed) => demoMethods(size).map((method): ArmRun => ({ id: `${method}-${seed}`, method, seed, status: 'done', recipe: recipeSchema.parse(parse(demoRecipe(method, seed, size))) })))
  const { arms, cautions } = armsOf(runs)
  expect(Object.fromEntries(arms)).toEqual(Object.fromEntries(runs.map(({ id, method }) => [id, { method, base: 'base', warmStart: 'warm-start' }])))
  expect(cautions).toEqual([])
})

describe('a comparison of runs that are not seeds of one setting', () => {
  it('tells a clone with another learning rate from its original, in scores, on the board and in what was found', () => {
    const workspace = aLabWorkspace()
    const { db } = workspace
    const original = aFinished(workspace, 'drift', { training: training(0.0001), warm_start }, { [-1]: 0.2, 0: 0.3, 1: 0.4 })
    const clone = aFinished(workspace, 'drift', { training: training(0.0003), warm_start }, { [-1]: 0.2, 0: 0.3, 1: 0.8 })
    const runs = [original, clone]
    const { comparison } = readComparison(db, { runs })
    expect(finals(comparison)).toEqual({ base: 0.21, 'warm-start': 0.31, 'drift, learning_rate 0.0001': 0.41, 'drift, learning_rate 0.0003': 0.81 })
    expect(comparison.methods.map(({ key, runs: own }) => [key, own])).toEqual([['base', []], ['warm-start', []], ['drift, learning_rate 0.0001', [original]], ['drift, learning_rate 0.0003', [clone]]])
    expect(comparison.cautions).toContain('DRIFT stands here with 2 settings, each a method of its own: learning_rate 0.0001; learning_rate 0.0003.')
    expect(readBoard(db, runs, { sort: 'index', turnedBad: false }).columns.map(({ run, method, round }) => [run, method, round])).toEqual([
      [original, 'base', -1], [original, 'warm-start', 0], [original, 'drift, learning_rate 0.0001', 1], [clone, 'drift, learning_rate 0.0003', 1],
    ])
    expect([...readExplored(db, runs).finals]).toEqual([['base', -1], ['warm-start', 0], ['drift, learning_rate 0.0001', 1], ['drift, learning_rate 0.0003', 1]])
  })

  it('takes no run for a further seed that repeats one', () => {
    const workspace = aLabWorkspace()
    const [one, again] = [0.4, 0.8].map((score) => aFinished(workspace, 'drift', {}, { [-1]: 0.2, 0: 0.3, 1: score }))
    const { comparison } = readComparison(workspace.db, { runs: [one!, again!] })
    expect(comparison.methods.find(({ key }) => key === 'drift')).toMatchObject({ runs: [one], seeds: [5] })
    expect(comparison.cautions.join()).toContain(`${again} is left out: it has the settings and the seed (5) of ${one}`)
  })

  it('measures runs on two base models against their own', () => {
    const workspace = aLabWorkspace()
    const on = (model: string, base: number) => aFinished(workspace, 'drift', { model_name_or_path: model }, { [-1]: base, 0: base, 1: base + 0.1 })
    const runs = [on('models/base', 0.2), on('models/other', 0.6)]
    const { comparison } = readComparison(workspace.db, { runs })
    expect(finals(comparison)).toEqual({ 'base, models/base': 0.21, 'base, models/other': 0.61, 'warm-start, models/base': 0.21, 'warm-start, models/other': 0.61, 'drift, models/base': 0.31, 'drift, models/other': 0.71 })
    for (const { a, b, difference } of comparison.differences.filter(({ measure, a }) => measure === 'score' && a.startsWith('drift'))) {
      expect(b.split(', ')[1]).toBe(a.split(', ')[1])
      expect(difference.estimate).toBeCloseTo(0.1, 6)
    }
    expect(readBoard(workspace.db, runs, { sort: 'index', turnedBad: false }).rows[0]).toMatchObject({ harm: 0, gain: expect.closeTo(0.1, 6) as number })
  })

  it('leaves the warm start’s row to the warm start where plain DPO stands beside it', () => {
    const workspace = aLabWorkspace()
    createDataset(workspace.db, { name: 'other-pairs', kind: 'preference', rows: seedPairs, recipe: {} })
    const runs = [aFinished(workspace, 'drift', {}, { [-1]: 0.2, 0: 0.3, 1: 0.4 }), aFinished(workspace, 'dpo', { dataset: 'other-pairs' }, { [-1]: 0.2, 0: 0.9 })]
    const { comparison } = readComparison(workspace.db, { runs })
    expect(finals(comparison)).toEqual({ base: 0.21, 'warm-start': 0.31, drift: 0.41, dpo: 0.91 })
    expect([...readExplored(workspace.db, runs).finals.keys()]).toEqual(['base', 'warm-start', 'drift', 'dpo'])
  })

  it('says which runs it leaves out: of other prompts, of other settings of the evaluation, without one', () => {
    const workspace = aLabWorkspace()
    const { db } = workspace
    createDataset(db, { name: 'test-b', kind: 'prompts', rows: [...readDatasetRows<PromptRow>(db, 'test').slice(0, 2), { prompt: [{ role: 'user', content: 'Something else.' }], task: null, conversationId: null }], recipe: {} })
    const evaluation = (changes: object) => ({ evaluation: [{ dataset: 'test', k: 2, max_new_tokens: 120, heldout_pairs: 'heldout', ...changes }] })
    const scores = { [-1]: 0.2, 0: 0.3, 1: 0.4 }
    const first = aFinished(workspace, 'drift', {}, scores)
    const prompts = aFinished(workspace, 'spin', evaluation({ dataset: 'test-b' }), scores, 'test-b')
    const samples = aFinished(workspace, 'spin', evaluation({ k: 4 }), scores)
    const none = aFinished(workspace, 'iterative-dpo', { evaluation: [] }, {})
    const cold = aFinished(workspace, 'spin', evaluation({ temperatures: [1], heldout_pairs: null }), scores)
    const { comparison } = readComparison(db, { runs: [first, prompts, samples, none, cold] })
    expect(comparison.methods.flatMap(({ runs }) => runs)).toEqual([first, cold])
    expect(comparison.cautions.slice(0, 5)).toEqual([
      `${none} has no evaluation: left out here, curves by step show what it trained.`,
      `${prompts} is left out: evaluated with dataset test-b instead of test (2 of its 3 prompts are asked in both, 20 asked in all are needed). Start it again with the evaluation of the others; what is trained already is taken over.`,
      `${samples} is left out: evaluated with k 4 instead of 2. Start it again with the evaluation of the others; what is trained already is taken over.`,
      `Held-out margins of ${cold} are left out: they are of other pairs than the first run’s (heldout).`,
      `${cold} was not evaluated at T = 0: missing there.`,
    ])
  })

  it('takes the evaluation that is shared, wherever in a recipe it stands', () => {
    const workspace = aLabWorkspace()
    createDataset(workspace.db, { name: 'test-b', kind: 'prompts', rows: readDatasetRows<PromptRow>(workspace.db, 'test'), recipe: {} })
    const shared = { dataset: 'test', k: 2, max_new_tokens: 120, heldout_pairs: 'heldout' }
    const runs = [aFinished(workspace, 'drift', {}, { 1: 0.4 }), aFinished(workspace, 'spin', { evaluation: [{ ...shared, dataset: 'test-b' }, shared] }, { 1: 0.8 })]
    expect(finals(readComparison(workspace.db, { runs }).comparison)).toEqual({ drift: 0.41, spin: 0.81 })
  })

  it('compares runs on partly other prompts on those that all were asked, in figures, board and map, and says how many', () => {
    const workspace = aLabWorkspace()
    const { db } = workspace
    const asks = (name: string, names: readonly string[]) => createDataset(db, { name, kind: 'prompts', rows: names.map((content) => ({ prompt: [{ role: 'user', content }], task: null, conversationId: null })), recipe: {} })
    const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `question ${from + i}`)
    // 30 and 30, of which 24 are asked in both, at other places; the third shares 5, too few.
    asks('early', numbered(0, 30))
    asks('late', numbered(6, 36).reverse())
    asks('far', numbered(25, 60))
    const scored = { type: 'dsat-rate', scorer_dataset: 'scored', k: 2, max_new_tokens: 120 }
    const run = (recipe: string, dataset: string, scoreOf: (question: number) => number): string => {
      const id = aFinished(workspace, recipe, { evaluation: [{ ...scored, dataset }] }, {})
      const insert = db.prepare("INSERT INTO run_evaluations (run_id, round, dataset, temperature, prompt_index, sample_index, seed, text, score, reward, pass, checks, items, solution_size, tokens, entropy, finish_reason) VALUES (?, ?, ?, ?, ?, 0, 5, ?, ?, 0, 1, '{}', '[]', NULL, 10, 0.5, 'stop')")
      readDatasetRows<PromptRow>(db, dataset).forEach(({ prompt }, place) => {
        const question = Number(prompt[0]!.content.split(' ')[1])
        for (const round of [-1, 0, 1]) for (const temperature of [0, 1]) insert.run(id, round, dataset, temperature, place, `${recipe} on ${question}`, round === 1 ? scoreOf(question) : 0.1)
      })
      return id
    }
    const first = run('drift', 'early', (question) => question / 100)
    const second = run('spin', 'late', (question) => question / 100 - 0.05)
    const third = run('iterative-dpo', 'far', () => 1)
    const { comparison } = readComparison(db, { runs: [first, second, third] })
    expect(comparison.evaluation.prompts).toBe(24)
    expect(comparison.cautions[0]).toBe(`Compared on the 24 prompts that all of early, late ask: ${second} was evaluated on late, the first run on early (30 prompts).`)
    expect(comparison.cautions.join()).toContain(`${third} is left out: evaluated with dataset far instead of early (5 of its 35 prompts are asked in both, 20 asked in all are needed)`)
    // Questions 6 to 29: each method's mean, and the same difference at every prompt.
    const last = (method: string): number => comparison.methods.find(({ key }) => key === method)!.byTemperature[0]!.rounds.at(-1)!.score.estimate
    expect([last('drift'), last('spin')]).toEqual([expect.closeTo(0.175, 9), expect.closeTo(0.125, 9)])
    for (const difference of comparison.differences.filter(({ a, b, measure }) => a === 'drift' && b === 'spin' && measure === 'score')) {
      expect(difference.difference.estimate).toBeCloseTo(0.05, 9)
      expect(difference.prompts).toBe(24)
    }
    const board = readBoard(db, [first, second], { sort: 'index', turnedBad: false })
    expect(board.rows.map(({ index }) => index)).toEqual(Array.from({ length: 24 }, (_, i) => i + 6))
    const { cells } = readAnswers(db, [first, second], { index: 10 })
    expect(cells.filter(({ round }) => round === 1).map(({ answers, dataset, place }) => [answers[0]!.text, dataset, place])).toEqual([['drift on 10', 'early', 10], ['spin on 10', 'late', 25]])
    const [, spin] = cells.filter(({ round }) => round === 1)
    expect(lineageOf(db, { run: second, round: 1, dataset: spin!.dataset, prompt: spin!.place, sample: 0, temperature: 1 }).answer).toMatchObject({ text: 'spin on 10', prompt: [{ role: 'user', content: 'question 10' }] })
    const explored = readExplored(db, [first, second]).samples.filter(({ round }) => round === 1)
    expect(explored.every(({ prompt, text }) => text.endsWith(` on ${prompt}`))).toBe(true)
    expect(new Set(explored.map(({ method, prompt }) => `${method} ${prompt}`)).size).toBe(48)
  })

  it('knows runs that have no evaluation from other failures', () => {
    const workspace = aLabWorkspace()
    const run = aFinished(workspace, 'drift', { evaluation: [] }, {})
    expect(() => readComparison(workspace.db, { runs: [run] })).toThrow(expect.objectContaining({ code: 'no-evaluation', exitCode: 2 }) as Error)
  })
})

describe('a comparison', () => {
  it('is kept by the last run of its group to end, and is what reading all rows gives', async () => {
    const workspace = aLabWorkspace()
    const [drift, spin] = [queueInRace(workspace, 'drift', 5), queueInRace(workspace, 'spin', 5)]
    await execute(workspace, drift)
    expect(kept(workspace)).toBeNull()
    await execute(workspace, spin)
    expect(kept(workspace)).toEqual(JSON.parse(JSON.stringify(readComparison(workspace.db, RACE).comparison)))
    expect(kept(workspace)?.methods.map(({ key }) => key)).toEqual(['base', 'warm-start', 'drift', 'spin'])
  })

  it('counts for nothing as soon as a run of it gains work, or another run joins', async () => {
    const workspace = aLabWorkspace()
    await execute(workspace, queueInRace(workspace, 'drift', 5))
    expect(kept(workspace)).not.toBeNull()
    const joined = queueInRace(workspace, 'drift', 6)
    expect(kept(workspace)).toBeNull()
    makeComparison(workspace, RACE)
    expect(kept(workspace)).not.toBeNull()
    let units = 0
    await execute(workspace, joined, { isFatal: (_, what) => what === 'told stage' && ++units === 3 })
    expect(kept(workspace)).toBeNull()
  })

  it('of an opened capsule is kept nowhere', async () => {
    const workspace = aLabWorkspace()
    await execute(workspace, queueInRace(workspace, 'drift', 5))
    const folder = join(workspace.runs, '.comparisons')
    const before = readdirSync(folder)
    const capsule = { db: workspace.db, runs: workspace.runs, capsule: { name: 'c' } as never }
    expect(keptComparison(capsule, RACE, markOfComparison(workspace.db, RACE))).toBeNull()
    expect(makeComparison(capsule, { runs: ['drift-seed5'] }).methods.length).toBeGreaterThan(0)
    expect(readdirSync(folder)).toEqual(before)
  })

  it('reads the gradient norms of a long run once, and again when it has more steps', async () => {
    const workspace = aLabWorkspace()
    const lease = queueInRace(workspace, 'drift', 5)
    await execute(workspace, lease)
    const norms = (folder: string | null) => comparedRuns(workspace.db, [lease.runId], folder).runs[0]!.gradNorms.find(({ round }) => round === 2)
    const own = workspace.db.prepare("SELECT json_extract(row, '$.grad_norm') FROM run_metrics WHERE run_id = ? AND stage = 'round-2/train' ORDER BY step").pluck().all(lease.runId) as number[]
    const file = join(workspace.runs, lease.runId, 'curves', 'gradient-norms.json')
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(own) })
    expect(existsSync(file)).toBe(false)

    const insert = (from: number, to: number): void => workspace.db.transaction(() => {
      for (let step = from; step <= to; step++) insertMetric(workspace.db, lease.runId, { stage: 'round-2/train', step, grad_norm: step } as never, {} as never)
    })()
    insert(1000, 6999)
    const all = [...own, ...Array.from({ length: 6000 }, (_, i) => 1000 + i)]
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(all) })
    expect(existsSync(file)).toBe(true)
    // Changed in place, which nothing does: only who reads the rows sees it.
    workspace.db.prepare("UPDATE run_metrics SET row = json_set(row, '$.grad_norm', 0) WHERE run_id = ? AND step = 1000").run(lease.runId)
    expect(norms(workspace.runs)).toEqual({ round: 2, ...normsOver(all) })
    expect(norms(null)).not.toEqual({ round: 2, ...normsOver(all) })
    insert(7000, 7000)
    expect(norms(workspace.runs)).toEqual(norms(null))
  })
})
