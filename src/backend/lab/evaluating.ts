/** The lab's `evaluate`: verified samples of a policy, margins on held-out pairs, and what the round trained on. */
import { hash32 } from '../../core/rng.ts'
import { verify } from '../../core/verifiers.ts'
import type { SampleRequest, TokenPair } from '../../engine/engine.ts'
import type { Policy } from '../../recipes/lab.ts'
import { decidingEvaluation, type EvaluationConfig } from '../../shared/recipe.ts'
import type { FeedbackRow, Pair, PromptRow } from '../../shared/types.ts'
import { countEvaluations, insertEvaluations, type PairStatistics, setHeldout, setPairStatistics, type StoredEvaluation } from '../storage/evaluations.ts'
import { writeAsOwner } from '../storage/runs.ts'
import { hashOf, type LabContext, log } from './context.ts'
import { runStage } from './journal.ts'
import { type Rate, type Rater, raterOf } from './reactions.ts'
import { drawReplies, fitPrompts } from './sampling.ts'
import { scorePairs } from './scores.ts'
import { tokenizePairs } from './text.ts'

/** What an evaluation of the recipe reads; `scorer` are the labelled replies that a scorer learns from. */
export type EvaluationData = { config: EvaluationConfig; prompts: PromptRow[]; heldout: Pair[]; scorer: FeedbackRow[] }

export const BASE_ROUND = -1

/** What is the same for every round of a run: with what rates the answers, and the held-out pairs' tokens, null where the prompt alone fills max_length. */
export type RatedEvaluation = EvaluationData & Rater & { heldoutTokens(): readonly (TokenPair | null)[] }

export async function rateEvaluations(context: LabContext, base: Policy, evaluations: readonly EvaluationData[]): Promise<RatedEvaluation[]> {
  const rated: RatedEvaluation[] = []
  for (const evaluation of evaluations) rated.push({ ...evaluation, ...(await raterOf(context, base, evaluation.config, evaluation.scorer)), heldoutTokens: tokenizeOnce(context, evaluation.heldout) })
  return rated
}

/** When they are first asked for: rendering them costs almost as much as scoring them. */
function tokenizeOnce({ text, recipe: { training } }: LabContext, pairs: readonly Pair[]): () => (TokenPair | null)[] {
  let tokens: (TokenPair | null)[] | undefined
  return () => (tokens ??= pairs.map((pair) => tokenizePairs(text, [pair], training.max_length).tokens[0] ?? null))
}

/** One series of samples: all prompts of a dataset at one temperature. */
type Series = { config: EvaluationConfig; prompts: PromptRow[]; temperature: number; samples: number; rate: Rate }

/** The base itself has no margin against the base: `round` -1 is evaluated without held-out pairs. */
export async function evaluateStage(context: LabContext, round: number, policy: Policy, base: Policy, evaluations: readonly RatedEvaluation[]): Promise<void> {
  if (evaluations.length === 0) return
  const { workspace: { db }, lease: { runId }, recipe: { seed, training } } = context
  const key = round === BASE_ROUND ? 'base/evaluate' : `round-${round}/evaluate`
  const series = evaluations.flatMap(({ config, prompts, rate }) => config.temperatures.map((temperature): Series => ({ config, prompts, temperature, samples: temperature === 0 ? 1 : config.k, rate })))
  const heldout = policy.hash === base.hash ? [] : evaluations.filter((evaluation) => evaluation.heldout.length > 0)
  await runStage<true>(context, {
    key,
    kind: 'evaluate',
    round,
    startsFrom: policy.name,
    inputs: {
      policy: policy.hash,
      seed,
      series: evaluations.map(({ config, prompts, by }) => ({ config: decidingEvaluation(config), prompts: hashOf(prompts), ...(by && { by }) })),
      heldout: heldout.map(({ config, heldout: pairs }) => ({ base: base.hash, dataset: config.heldout_pairs, pairs: pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected]), beta: training.beta, maxLength: training.max_length })),
    },
    async work(stage) {
      const pairs = heldout.reduce((sum, { heldout: rows }) => sum + rows.length, 0)
      const total = series.reduce((sum, { prompts, samples }) => sum + prompts.length * samples, 0) + pairs
      let before = 0
      for (const one of series) {
        await evaluateSeries(context, key, round, policy, one, (rows) => stage.commit(() => insertEvaluations(db, runId, rows)), (done) => stage.tell(before + done, total))
        before += one.prompts.length * one.samples
      }
      for (const { config, heldout: rows, heldoutTokens } of heldout) {
        const margins = await heldoutMargins(context, key, policy, base, heldoutTokens(), (done) => stage.tell(before + done, total))
        stage.commit(() => setHeldout(db, runId, round, config.heldout_pairs ?? '', margins))
        before += rows.length
        stage.tell(before, total)
      }
      return { result: true, summary: { prompts: series[0]?.prompts.length ?? 0, samples: total - pairs, ...(pairs > 0 ? { 'held-out pairs': pairs } : {}) } }
    },
  })
}

async function evaluateSeries(context: LabContext, key: string, round: number, policy: Policy, { config, prompts, temperature, samples, rate }: Series, commit: (rows: StoredEvaluation[]) => void, tell: (done: number) => void): Promise<void> {
  const { workspace: { db }, lease: { runId }, recipe: { seed } } = context
  const ids = fitPrompts(context, key, prompts.map(({ prompt }) => prompt), { max_prompt_tokens: Infinity, max_new_tokens: config.max_new_tokens })
  // Neither method nor round is in the seed: common random numbers make differences less noisy.
  const requests = ids.flatMap((promptIds, prompt) => Array.from({ length: samples }, (_, i): SampleRequest => ({ promptIds, seed: hash32(`${seed}/evaluate/${config.dataset}/${temperature}/${prompt}/${i}`) })))
  let done = countEvaluations(db, runId, { round, dataset: config.dataset, temperature })
  tell(done)
  for await (const replies of drawReplies(context, policy.folder, requests, done, { temperature, top_p: 1, max_new_tokens: config.max_new_tokens, batch_size: config.batch_size })) {
    const promptOf = (i: number): number => Math.floor((done + i) / samples)
    const verdicts = await rate(replies.map(({ text }, i) => ({ row: prompts[promptOf(i)]!, index: promptOf(i), reply: text })))
    const rows = replies.map(({ text, tokens, entropy, finishReason }, i): StoredEvaluation => {
      const promptIndex = promptOf(i)
      const { taskScore: score, reward, pass, checks, items, solutionSize } = verdicts[i]!
      return { round, dataset: config.dataset, temperature, promptIndex, sampleIndex: (done + i) % samples, seed, text, score, reward, pass, checks, items, solutionSize, tokens, entropy, finishReason }
    })
    commit(rows)
    done += rows.length
    tell(done)
  }
}

/** beta x (log-ratio of chosen to rejected under the policy minus that under the base), in the order of the pairs. */
async function heldoutMargins(context: LabContext, key: string, policy: Policy, base: Policy, pairs: readonly (TokenPair | null)[], tell: (done: number) => void): Promise<number[]> {
  const { beta, max_length: maxLength } = context.recipe.training
  const tokens = pairs.filter((pair) => pair !== null)
  const dropped = pairs.length - tokens.length
  if (dropped > 0) log(context, 'warning', `${key}: ${dropped} of ${pairs.length} held-out pairs are left out, because their prompt alone fills max_length ${maxLength}`)
  const own = await scorePairs(context, policy, tokens, tell)
  const reference = await scorePairs(context, base, tokens, () => {})
  return tokens.map((_, i) => beta * ((own.chosen[i] ?? NaN) - (own.rejected[i] ?? NaN) - (reference.chosen[i] ?? NaN) + (reference.rejected[i] ?? NaN)))
}

/** How good the sides of a round's pairs are by the rows' own verifier; nothing where rows carry no task. */
export function describePairs(context: LabContext, round: number, pairs: readonly Pair[]): void {
  const { workspace: { db }, lease } = context
  if (pairs.length === 0) return
  const verdicts = pairs.flatMap(({ task, chosen, rejected }) => (task === null ? [] : [{ chosen: verify(task, chosen), rejected: verify(task, rejected) }]))
  const mean = (values: readonly number[]): number | null => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length)
  const different = verdicts.filter(({ chosen, rejected }) => chosen.reward !== rejected.reward)
  const row: PairStatistics = {
    round,
    pairs: pairs.length,
    chosenScore: mean(verdicts.map(({ chosen }) => chosen.taskScore)),
    rejectedScore: mean(verdicts.map(({ rejected }) => rejected.taskScore)),
    pairAccuracy: mean(different.map(({ chosen, rejected }) => (chosen.reward > rejected.reward ? 1 : 0))),
  }
  writeAsOwner(db, lease, () => setPairStatistics(db, lease.runId, row))
}
