/** Evaluation figures against fixtures made by scripts/reference_evals.py and, where it is, the public set of two leaderboards. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { evaluateAlpaca, evaluateComparisons, evaluateScores } from '../../src/backend/evaluations/evaluate-files.ts'
import { isSwitched, pythonRandom } from '../../src/backend/judge/presentation-order.ts'
import { preferenceFromLogprobs } from '../../src/core/evals/judge-replies.ts'
import { type GamedRow, lengthControlledWinRate, type LengthRow } from '../../src/core/evals/length-controlled.ts'
import { mcnemarTest, signFlipTest, spearman } from '../../src/core/paired-tests.ts'
import { makeRng } from '../../src/core/rng.ts'
import { crossedInterval, holm } from '../../src/core/statistics.ts'

type Fixture = {
  statistics: {
    signFlip: [Exact, Exact]
    bootstrapMean: { values: number[]; low: number; high: number }
    mcnemar: { onlyA: number; onlyB: number; p: number }[]
    holm: { p: number[]; adjusted: number[] }
    spearman: { x: number[]; y: number[]; rho: number }
  }
  orders: { texts: string[]; switched: boolean[]; seed42: number[] }
  lengthControlled: { rows: LengthRow[]; gamed: GamedRow[]; scores: number[]; c: number; weights: number[]; winRate: number; standardError: number }
}
type Exact = { values: number[]; p: number }

const fixture = JSON.parse(readFileSync(join(import.meta.dirname, 'evals.json'), 'utf8')) as Fixture

describe('statistics', () => {
  const { signFlip, bootstrapMean, mcnemar, holm: family, spearman: ranked } = fixture.statistics
  const random = (name: string) => makeRng(name).next

  it('the sign-flip test is scipy.stats.permutation_test: exact for few pairs, drawn for many', () => {
    expect(signFlipTest(signFlip[0].values, { random: random('unused') })).toBeCloseTo(signFlip[0].p, 12)
    expect(signFlipTest(signFlip[1].values, { random: random('flips'), resamples: 20_000 })).toBeCloseTo(signFlip[1].p, 1.9)
  })
  it('McNemar is statsmodels’ exact one', () => {
    for (const { onlyA, onlyB, p } of mcnemar) expect(mcnemarTest(onlyA, onlyB)).toBeCloseTo(p, 10)
  })
  it('Holm is statsmodels’, Spearman is scipy’s with ties', () => {
    holm(family.p).forEach((p, i) => expect(p).toBeCloseTo(family.adjusted[i]!, 12))
    expect(spearman(ranked.x, ranked.y)).toBeCloseTo(ranked.rho, 12)
    expect(spearman([1, 1], [1, 2])).toBeNull()
  })
  it('the bootstrap interval of a mean is scipy’s within its own noise', () => {
    const { low, high } = crossedInterval([bootstrapMean.values], { random: random('bootstrap'), resamples: 20_000 })
    expect(low).toBeCloseTo(bootstrapMean.low, 2)
    expect(high).toBeCloseTo(bootstrapMean.high, 2)
  })
})

describe('presentation order', () => {
  it('is that of Python’s random for texts and numbers', () => {
    const { texts, switched, seed42 } = fixture.orders
    expect(texts.map(isSwitched)).toEqual(switched)
    const random = pythonRandom(42)
    expect(seed42.map(() => random())).toEqual(seed42)
  })
})

describe('length-controlled win rate', () => {
  const { rows, gamed, scores, c, weights, winRate, standardError } = fixture.lengthControlled

  it('cross-validation, weights and figure are those of another optimiser', () => {
    const fit = lengthControlledWinRate(rows, gamed)!
    fit.crossValidation!.forEach(({ score }, i) => expect(score).toBeCloseTo(scores[i]!, 7))
    expect(fit.c).toBeCloseTo(c, 9)
    expect([fit.weights.tanhLength, fit.weights.difficulty, fit.weights.bias]).toEqual(weights.map((w) => expect.closeTo(w, 5)))
    expect(fit.winRate).toBeCloseTo(winRate, 4)
    expect(fit.standardError).toBeCloseTo(standardError, 4)
  })
  it('is undefined where every length difference is the same', () => {
    expect(lengthControlledWinRate(rows.map((row) => ({ ...row, modelLength: row.baselineLength - 10 })), gamed)).toBeNull()
  })
})

type Public = {
  alpacaeval: { models: Record<string, { published: Record<string, number>; recomputed: Record<string, number>; lc: { C_of_published_leaderboard_value: number; converged_at_C_published: { weights: number[]; lc_winrate: number }; cv_reference: { C: number; lc_winrate: number }; if_difficulty_is_matched_by_instruction_instead_of_row_position?: { lc_winrate: number } } }> }
  wildbench: {
    models: Record<string, { upstream: string; published: { score: number; task_macro_score: number; avg_len: number; task_categorized_scores: Record<string, number> } }>
    pairwise_made_up: { reference_model: string; expected: Record<string, Record<string, number>> }
  }
}
const set = join(process.env['DRIFT_SHARED'] ?? join(import.meta.dirname, '..', '..', '..', 'shared'), 'eval')
if (!existsSync(set)) console.warn(`reference data: none in ${set} (DRIFT_SHARED names it), published leaderboard figures are not checked`)

describe.skipIf(!existsSync(set))('published figures', () => {
  const expected = existsSync(set) ? (JSON.parse(readFileSync(join(set, 'expected.json'), 'utf8')) as Public) : null
  const a = join(set, 'alpacaeval')
  const w = join(set, 'wildbench')
  const filesOf = (model: string) => ({ annotations: join(a, model, 'annotations.json.gz'), outputs: join(a, model, 'model_outputs.json.gz'), difficulty: join(a, 'instruction_difficulty.reconstructed.csv'), gamed: join(a, 'df_gamed.reconstructed.csv') })

  it.each(Object.entries(expected?.alpacaeval.models ?? {}))('AlpacaEval %s', async (model, { published, recomputed, lc }) => {
    const own = await evaluateAlpaca({ ...filesOf(model), match: 'position' })
    for (const key of ['win_rate', 'standard_error', 'discrete_win_rate', 'n_total', 'n_wins', 'n_wins_base', 'n_draws', 'avg_length'] as const) expect(own.figures[key]).toBeCloseTo(recomputed[key]!, 9)
    expect(own.figures.lc_c).toBeCloseTo(lc.cv_reference.C, 9)
    expect(own.figures.length_controlled_winrate).toBeCloseTo(lc.cv_reference.lc_winrate, 9)
    expect(Math.abs(own.figures.length_controlled_winrate! - published['length_controlled_winrate']!)).toBeLessThan(0.2)
    expect(own).toMatchObject({ model, official: true, discrete: false })

    const atC = await evaluateAlpaca({ ...filesOf(model), match: 'position', c: lc.C_of_published_leaderboard_value })
    expect(atC.figures.length_controlled_winrate).toBeCloseTo(lc.converged_at_C_published.lc_winrate, 9)
    expect(atC.figures.lc_weights).toEqual(lc.converged_at_C_published.weights.map((weight) => expect.closeTo(weight, 9)))
  })

  it('a file with a gap: null without the full list of instructions, the matched figure with it', async () => {
    const model = 'gpt35_turbo_instruct'
    const alone = await evaluateAlpaca({ ...filesOf(model), match: 'instruction' })
    expect(alone.figures.length_controlled_winrate).toBeNull()
    expect(alone.notices.join()).toMatch(/804 of 805 instructions.*cannot be matched by instruction/)
    const listed = await evaluateAlpaca({ ...filesOf(model), instructions: filesOf('gemma-7b-it').outputs, match: 'instruction' })
    expect(listed.figures.length_controlled_winrate).toBeCloseTo(expected!.alpacaeval.models[model]!.lc.if_difficulty_is_matched_by_instruction_instead_of_row_position!.lc_winrate, 9)
  })

  it('the seeded order is that of all 805 instructions', async () => {
    const order = readFileSync(join(a, 'presentation_order.csv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split(',')[1] === '1')
    const { items } = await evaluateAlpaca({ annotations: filesOf('gemma-7b-it').annotations, match: 'instruction' })
    expect(items.map(({ key }) => isSwitched(key))).toEqual(order)
  })

  it('judge preferences follow from the published log-probabilities', () => {
    type Case = { is_switched: boolean | null; top_logprobs: { token: string; logprob: number }[] | null; preference: number | null }
    const cases = (JSON.parse(readFileSync(join(a, 'judge_cases.json'), 'utf8')) as Case[]).filter(({ top_logprobs }) => top_logprobs !== null)
    expect(cases.length).toBeGreaterThan(10)
    for (const { top_logprobs, is_switched, preference } of cases) {
      const own = preferenceFromLogprobs(top_logprobs!, is_switched!)
      if (preference === null) expect(own).toBeNull()
      else expect(own).toBeCloseTo(preference, 9)
    }
  })

  it.each(Object.entries(expected?.wildbench.models ?? {}))('WildBench %s', async (_, { upstream, published }) => {
    const { figures, official } = await evaluateScores({ scores: join(w, `${upstream}.gz`), tags: join(w, 'tags.reconstructed.jsonl') })
    expect(official).toBe(true)
    expect(figures).toMatchObject({ score: expect.closeTo(published.score, 9) as number, task_macro_score: expect.closeTo(published.task_macro_score, 9) as number, avg_len: expect.closeTo(published.avg_len, 6) as number })
    for (const [group, figure] of Object.entries(published.task_categorized_scores)) expect(figures.task_categorized_scores?.[group]).toBeCloseTo(figure, 9)
  })

  it.each(Object.entries(expected?.wildbench.pairwise_made_up.expected ?? {}))('WB-Reward %s', async (key, counts) => {
    const { figures } = await evaluateComparisons({ pairwise: join(w, 'pairwise.made_up.json'), reference: expected!.wildbench.pairwise_made_up.reference_model, tags: join(w, 'tags.reconstructed.jsonl'), k: Number(key.split('=')[1]) })
    const { task_categorized_rewards, task_categorized_results: _, ...plain } = counts as unknown as Record<string, number> & { task_categorized_rewards: Record<string, number> }
    expect(figures).toMatchObject(Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, expect.closeTo(value, 9)])))
    for (const [group, figure] of Object.entries(task_categorized_rewards)) expect(figures.task_categorized_rewards?.[group]).toBeCloseTo(figure, 9)
  })
})
