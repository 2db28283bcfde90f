/** What a run will take: memory as the engine reckons it, disk from the model's size, time from what runs of this workspace took. */
import { existsSync } from 'node:fs'
import { roughTokens } from '../core/judge.ts'
import { type DpoPlan, estimateDpo } from '../engine/estimate-training.ts'
import type { TrainingMemory } from '../engine/memory.ts'
import { placeDeepspeed } from '../engine/torch/deepspeed.ts'
import { estimateTorchDpo } from '../engine/torch/estimate.ts'
import { type ModelConfig, readModelConfig } from '../engine/model-folder.ts'
import type { RecipeCheck } from '../shared/contract.ts'
import { adapterOf, type Recipe } from '../shared/recipe.ts'
import type { FeedbackRow } from '../shared/types.ts'
import { baseFolder } from './jobs/execute-run.ts'
import { rewardQuestion } from './lab/judging.ts'
import { largestBatches } from './pair-sizes.ts'
import { getDataset, pageOfDatasetRows } from './storage/datasets.ts'
import { medianMilliseconds } from './storage/judge-replies.ts'
import type { ReadableDb } from './storage/open.ts'

const FLOAT_BYTES = 4

/** Weights of a decoder: embedding, per layer attention and gated MLP with their norms, final norm, head. */
export function countParameters(config: Pick<ModelConfig, 'vocab_size' | 'hidden_size' | 'num_hidden_layers' | 'num_attention_heads' | 'num_key_value_heads' | 'head_dim' | 'intermediate_size' | 'tie_word_embeddings'>): number {
  const { vocab_size: vocabulary, hidden_size: hidden, head_dim: headDim } = config
  const attention = 2 * hidden * headDim * (config.num_attention_heads + config.num_key_value_heads)
  const layer = attention + 3 * hidden * config.intermediate_size + 2 * hidden
  return vocabulary * hidden * (config.tie_word_embeddings ? 1 : 2) + config.num_hidden_layers * layer + hidden
}

/** Null figures where they cannot be known. */
export function estimateRun(given: Recipe, { path, db }: { path: string; db: ReadableDb }): NonNullable<RecipeCheck['estimate']> {
  const recipe = { ...given, torch: placeDeepspeed(given.torch, path) }
  const folder = baseFolder(path, recipe)
  const judge = recipe.recipe === 'iterative-dpo' && recipe.reward === 'judge' ? estimateRewards(recipe, db) : null
  if (folder === null || !existsSync(folder)) return { seconds: null, memoryBytes: null, memoryParts: null, diskBytes: null, judge }
  const config = readModelConfig(folder)
  const { training } = recipe
  const { memory, trained, longest } = largestTraining(recipe, config, folder, db)
  const { total, ...parts } = memory
  const model = FLOAT_BYTES * countParameters(config)
  const policies = roundsOf(recipe) + Number(recipe.warm_start !== null)
  const adapters = training.use_peft ? policies * FLOAT_BYTES * trained : 0
  const rewardModel = recipe.recipe === 'iterative-dpo' && recipe.reward === 'learned' ? model : 0
  // A checkpoint holds what is trained and the optimizer's arrays of it.
  const checkpoint = FLOAT_BYTES * trained * (1 + (training.optim === 'adamw_torch' ? 2 : 1))
  return {
    seconds: estimateSeconds(recipe, db),
    memoryBytes: total,
    memoryParts: { ...parts, longest },
    diskBytes: model * policies + adapters + rewardModel + checkpoint * recipe.save_total_limit,
    judge,
  }
}

/** Of the recipe's largest training, with what it would be under other settings; null where the model is not here. */
export function trainingMemoryOf(recipe: Recipe, { path, db }: { path: string; db: ReadableDb }): ((changed: Recipe) => TrainingMemory) | null {
  const folder = baseFolder(path, recipe)
  if (folder === null || !existsSync(folder)) return null
  const config = readModelConfig(folder)
  return (changed) => largestTraining({ ...changed, torch: placeDeepspeed(changed.torch, path) }, config, folder, db).memory
}

type Estimate = ReturnType<typeof estimateDpo>

/** The training of the recipe that takes most: the rounds', or the warm start's. */
function largestTraining(recipe: Recipe, config: ModelConfig, folder: string, db: ReadableDb): Estimate & { longest: number } {
  const { training } = recipe
  const plan = {
    optim: training.optim,
    batchSize: training.per_device_train_batch_size,
    accumulates: training.gradient_accumulation_steps > 1,
    checkpointed: training.gradient_checkpointing,
    ...(training.use_peft && { adapter: adapterOf(training) }),
  }
  const estimates = largestBatches(recipe, config.max_position_embeddings, db).map((sizes) => ({
    ...(recipe.engine === 'torch' ? estimateTorchDpo(config, folder, { ...plan, ...sizes }, recipe.torch, recipe.device) : remembered(config, folder, { ...plan, ...sizes })),
    longest: sizes.pairs.reduce((most, { prompt, chosen, rejected }) => Math.max(most, prompt + chosen + rejected), 0),
  }))
  return estimates.reduce((most, one) => (one.memory.total > most.memory.total ? one : most))
}

/** The form asks at every pause in typing, and a graph takes a while to build: what was asked lately is kept. */
const known = new Map<string, { memory: TrainingMemory; trained: number }>()
const KEPT = 64

function remembered(config: ModelConfig, folder: string, plan: DpoPlan): Estimate {
  const key = JSON.stringify([config.raw, plan])
  const found = known.get(key) ?? estimateDpo(config, folder, plan)
  known.delete(key)
  known.set(key, found)
  const [oldest] = known.keys()
  if (known.size > KEPT && oldest !== undefined) known.delete(oldest)
  return found
}

const LOOKED_AT = 200
/** A judge writes an analysis before its score; the limit of its reply is far above what that takes. */
const JUDGEMENT_TOKENS = 250

/** What ranking by a judge takes: two replies of each request that a round samples, as long as they may get. */
function estimateRewards({ judge, dataset, iterations, pairs_per_round: perRound, sampling }: Recipe, db: ReadableDb): NonNullable<RecipeCheck['estimate']>['judge'] {
  const found = getDataset(db, dataset)
  if (judge === null || found?.kind !== 'feedback') return null
  const rows = pageOfDatasetRows(db, dataset, 0, LOOKED_AT).rows as FeedbackRow[]
  const mean = rows.reduce((sum, row) => sum + rewardQuestion(row, '').messages.reduce((tokens, { content }) => tokens + roughTokens(content), 0), 0) / Math.max(1, rows.length)
  const queries = Math.round(iterations * (perRound ?? found.rows) * (perRound === null ? 2 : SAMPLES_PER_PAIR['iterative-dpo']))
  const [promptTokens, completionTokens] = [Math.round(queries * (mean + sampling.max_new_tokens)), queries * JUDGEMENT_TOKENS]
  const { prompt_price: promptPrice, completion_price: completionPrice } = judge
  const median = medianMilliseconds(db, judge.base_url, judge.model)
  return {
    queries, promptTokens, completionTokens,
    cost: promptPrice === null && completionPrice === null ? null : (promptTokens * (promptPrice ?? 0) + completionTokens * (completionPrice ?? 0)) / 1e6,
    seconds: median === null ? null : (queries * median) / 1000 / judge.concurrency,
  }
}

const roundsOf = (recipe: Recipe): number => (recipe.recipe === 'dpo' ? 1 : recipe.iterations)
/** Requests the recipe samples for each pair it keeps, times samples of each. */
const SAMPLES_PER_PAIR: Record<Recipe['recipe'], number> = { drift: 1, 'drift-unguided': 1, 'drift-own-rejected': 2, 'drift-sft': 1, 'drift-frozen': 1, spin: 1, 'iterative-dpo': 3.2, dpo: 0 }

/** From seconds per sample, per pair and epoch, and per verified sample, of earlier runs from the same base. */
function estimateSeconds(recipe: Recipe, db: ReadableDb): number | null {
  const rate = (kind: string, unit: string): number | null =>
    db
      .prepare(
        `SELECT sum(s.seconds) / sum(${unit}) FROM run_stages s JOIN runs r ON r.id = s.run_id
         WHERE s.kind = ? AND s.status = 'done' AND s.reused_from IS NULL AND r.base_model = ? AND s.key NOT LIKE 'reward/%' AND coalesce(${unit}, 0) > 0`,
      )
      .pluck()
      .get(kind, recipe.model_name_or_path) as number | null
  // Rounds that kept replies are reckoned by their own rate: what is kept costs a scoring, and how many are is known from earlier runs alone.
  const perSample = rate('sample', "CASE WHEN json_extract(s.summary, '$.kept') IS NULL THEN json_extract(s.summary, '$.samples') END")
  const threshold = recipe.recipe === 'drift' ? recipe.resample_stale_only : null
  const perResample = threshold === null ? null : rate('sample', `CASE WHEN json_extract(r.settings, '$.resample_stale_only') = ${threshold} THEN json_extract(s.summary, '$.samples') + json_extract(s.summary, '$.kept') END`)
  const perPair = rate('train', "json_extract(s.summary, '$.steps') * json_extract(r.settings, '$.training.per_device_train_batch_size')")
  const perVerified = rate('evaluate', "json_extract(s.summary, '$.samples')")
  const rowsOf = (name: string): number => getDataset(db, name)?.rows ?? 0

  const pairs = recipe.recipe === 'dpo' ? rowsOf(recipe.dataset) : (recipe.pairs_per_round ?? rowsOf(recipe.dataset))
  const samples = roundsOf(recipe) * pairs * SAMPLES_PER_PAIR[recipe.recipe] * (recipe.recipe === 'iterative-dpo' ? 1 : recipe.sampling.n)
  const warmPairs = recipe.warm_start === null || recipe.recipe === 'dpo' ? 0 : rowsOf(recipe.warm_start.dataset) * recipe.warm_start.num_train_epochs
  const inRounds = roundsOf(recipe) * pairs + (recipe.recipe === 'spin' && recipe.mix_previous ? (recipe.iterations - 1) * pairs : 0)
  const trained = warmPairs + inRounds * recipe.training.num_train_epochs
  const verified = (roundsOf(recipe) + 2) * recipe.evaluation.reduce((sum, { dataset, k, temperatures }) => sum + rowsOf(dataset) * temperatures.reduce((count, temperature) => count + (temperature === 0 ? 1 : k), 0), 0)
  if (perPair === null || (samples > 0 && perSample === null) || (verified > 0 && perVerified === null)) return null
  const { token_budget: budget } = recipe
  if (budget !== null) {
    const perToken = rate('train', "json_extract(s.counts, '$.trainedTokens')")
    const ofSample = db.prepare("SELECT sum(json_extract(s.counts, '$.generatedTokens')) / sum(json_extract(s.counts, '$.samplesDrawn')) FROM run_stages s JOIN runs r ON r.id = s.run_id WHERE s.kind = 'sample' AND s.status = 'done' AND r.base_model = ?").pluck().get(recipe.model_name_or_path) as number | null
    return perToken === null ? null : samples * (perSample ?? 0) + Math.max(0, budget - samples * (ofSample ?? 0)) * perToken + verified * (perVerified ?? 0)
  }
  const resampled = threshold === null ? 0 : (samples * (roundsOf(recipe) - 1)) / roundsOf(recipe)
  return trained * perPair + (samples - resampled) * (perSample ?? 0) + resampled * (perResample ?? perSample ?? 0) + verified * (perVerified ?? 0)
}
