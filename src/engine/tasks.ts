/** The three things a model can be trained on, as tasks of the training loop. */
import { DeviceTrainingStep } from './device-step.ts'
import type { DeviceWeights } from './device-step.ts'
import { dpoFeeds, dpoOutcome, dpoRow, pairTokens } from './dpo-loss.ts'
import type { DpoOutcome, PredictionResults, ReferenceLogps } from './dpo-loss.ts'
import type { DpoConfig, RewardRow, TokenPair, TokenSequence, TrainConfig } from './engine.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { segmentSizes, sequenceRow } from './packing.ts'
import type { PackedRow } from './packing.ts'
import type { Tensor } from './safetensors.ts'
import { emptyArrays } from './session.ts'
import type { TrainingMemory } from './memory.ts'
import { lengthGroupedBatches, shuffledBatches } from './train.ts'
import type { BatchOutcome, TrainingTask } from './train.ts'
import { LABEL_COLUMNS } from './training-graph.ts'
import type { MemoryPlan, Objective } from './training-graph.ts'
import { memoryPlan, packTrainingRows, sizeOfBatch, TrainingStep } from './training-step.ts'
import type { RowSize, Step } from './training-step.ts'

export type Trainee = {
  config: DecoderConfig
  weights: Map<string, Tensor>
  threads: number
  /** The weights in a device's memory, where it is to train. */
  onDevice?: DeviceWeights
}
/** A task with the session it holds. */
export type OpenTask = TrainingTask & { memory: TrainingMemory; /** Tokens of the longest example. */ longest: number; release(): Promise<void> }

function openStep({ config, weights, threads, onDevice }: Trainee, objective: Objective, plan: MemoryPlan): Promise<Step> {
  return onDevice ? DeviceTrainingStep.create(config, objective, weights, onDevice, plan) : TrainingStep.create(config, objective, weights, threads, plan)
}

function planOf(config: TrainConfig): { batchSize: number; checkpointed: boolean } {
  return { batchSize: config.per_device_train_batch_size, checkpointed: config.gradient_checkpointing }
}

const NO_DETAILS = { pairIndices: [], margins: [] }

/** Forward and backward of one DPO batch; gradients are left in `step`. */
export async function runDpoBatch(step: Step, config: DecoderConfig, pairs: TokenPair[], reference: ReferenceLogps, indices: readonly number[], dpo: DpoConfig, share: number, isFirst: boolean): Promise<DpoOutcome> {
  const chosenPairs = indices.map(i => pairs[i] as TokenPair)
  const batch = {
    pairs: chosenPairs,
    rows: chosenPairs.map(dpoRow),
    reference: { chosen: Float64Array.from(indices, i => reference.chosen[i] ?? NaN), rejected: Float64Array.from(indices, i => reference.rejected[i] ?? NaN) },
  }
  const packed = packTrainingRows(batch.rows, config, LABEL_COLUMNS.dpo, row => `pair ${indices[row]}`)
  const results = predictionArrays(packed.predictions, LABEL_COLUMNS.dpo)
  await step.run(batch.rows, packed, dpoFeeds(batch, packed, dpo, share), isFirst, results)
  return dpoOutcome(batch, packed, dpo, dataOf(results))
}

export async function dpoStep(trainee: Trainee, pairs: TokenPair[], reference: ReferenceLogps, plan: { batchSize: number; checkpointed: boolean }): Promise<Step> {
  checkPairs(pairs, reference)
  return openStep(trainee, 'dpo', memoryPlan(trainee.config.vocabulary, pairs.map(pair => sizeOf(dpoRow(pair))), plan))
}

export async function dpoTask(trainee: Trainee, pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig): Promise<OpenTask> {
  checkPairs(pairs, reference)
  const sizes = pairs.map(pair => sizeOf(dpoRow(pair)))
  const step = await openStep(trainee, 'dpo', memoryPlan(trainee.config.vocabulary, sizes, planOf(config)))
  const batches = (epoch: number): number[][] => shuffledBatches(pairs.length, config.per_device_train_batch_size, config.seed, epoch)
  return {
    ...common(trainee, step, 'pairs'),
    ...need(step, sizes, batches(0), config),
    batches,
    tokens: indices => indices.reduce((sum, i) => sum + pairTokens(pairs[i] as TokenPair), 0),
    async run(batchesOfStep, i) {
      const indices = batchesOfStep[i] ?? []
      const share = 1 / batchesOfStep.length
      const { loss, metrics, margins } = await runDpoBatch(step, trainee.config, pairs, reference, indices, config, share, i === 0)
      return dpoBatchOutcome({ loss, metrics, margins }, indices, share)
    },
  }
}

/** @param share what the batch counts in its step. */
export function dpoBatchOutcome({ loss, metrics, margins }: DpoOutcome, indices: readonly number[], share: number): BatchOutcome {
  return { loss: loss * share, metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value * share])), details: { pairIndices: [...indices], margins } }
}

/** Next-token loss: the mean over all predicted tokens of a step, however its batches divide them. */
export async function languageModelTask(trainee: Trainee, sequences: TokenSequence[], config: TrainConfig): Promise<OpenTask> {
  const rows = languageModelRows(sequences)
  const predictions = rows.map(row => row.predictions.length)
  const sizes = rows.map(sizeOf)
  const step = await openStep(trainee, 'language-model', memoryPlan(trainee.config.vocabulary, sizes, planOf(config)))
  const lengths = rows.map(row => row.ids.length)
  const batches = (epoch: number): number[][] => lengthGroupedBatches(lengths, config.per_device_train_batch_size, config.seed, epoch)
  return {
    ...common(trainee, step, 'sequences'),
    ...need(step, sizes, batches(0), config),
    batches,
    tokens: indices => indices.reduce((sum, i) => sum + (lengths[i] ?? 0), 0),
    async run(batchesOfStep, i) {
      const indices = batchesOfStep[i] ?? []
      const total = batchesOfStep.flat().reduce((sum, index) => sum + (predictions[index] ?? 0), 0)
      const batchRows = indices.map(index => rows[index] as PackedRow)
      const packed = packTrainingRows(batchRows, trainee.config, LABEL_COLUMNS['language-model'], row => `sequence ${indices[row]}`)
      const seed = { data: new Float32Array(packed.predictions).fill(-1 / total), dims: [packed.predictions, 1] }
      const results = predictionArrays(packed.predictions, LABEL_COLUMNS['language-model'])
      await step.run(batchRows, packed, { seed }, i === 0, results)
      return languageModelOutcome(dataOf(results), total)
    },
  }
}

export function languageModelRows(sequences: readonly TokenSequence[]): PackedRow[] {
  return sequences.map(({ ids, lossMask }, i) => {
    if (lossMask.length !== ids.length) throw new Error(`sequence ${i}: expected a lossMask of ${ids.length} numbers, got ${lossMask.length}`)
    const row = sequenceRow(ids, lossMask)
    if (row.predictions.length === 0) throw new Error(`sequence ${i}: expected at least one token to predict (after the first), got none`)
    return row
  })
}

/** Binary cross-entropy of the scalar at each sequence's last token. */
export async function rewardTask(trainee: Trainee, examples: RewardRow[], config: TrainConfig): Promise<OpenTask> {
  const rows = examples.map(({ ids }) => rewardRow(ids))
  const sizes = rows.map(sizeOf)
  const step = await openStep(trainee, 'reward', { ...memoryPlan(trainee.config.vocabulary, sizes, planOf(config)), chunks: 1 })
  const lengths = examples.map(({ ids }) => ids.length)
  const batches = (epoch: number): number[][] => lengthGroupedBatches(lengths, config.per_device_train_batch_size, config.seed, epoch)
  return {
    ...common(trainee, step, 'sequences'),
    ...need(step, sizes, batches(0), config),
    batches,
    tokens: indices => indices.reduce((sum, i) => sum + (lengths[i] ?? 0), 0),
    async run(batchesOfStep, i) {
      const indices = batchesOfStep[i] ?? []
      const total = batchesOfStep.flat().length
      const batchRows = indices.map(index => rows[index] as PackedRow)
      const packed = packTrainingRows(batchRows, trainee.config, 0, row => `sequence ${indices[row]}`)
      const labels = indices.map(index => examples[index]?.label ?? 0)
      const feeds = { targets: { data: Float32Array.from(labels), dims: [labels.length, 1] }, rowScale: { data: Float32Array.of(1 / total), dims: [1] } }
      const results = emptyArrays({ rewards: [labels.length, 1] })
      await step.run(batchRows, packed, feeds, i === 0, results)
      return rewardOutcome(results.rewards.data, labels, total)
    },
  }
}

/** @param total tokens that the step predicts, of which these are a batch's. */
export function languageModelOutcome({ logps, entropy, maxLogp }: Omit<PredictionResults, 'meanLogit'>, total: number): BatchOutcome {
  const correct = logps.reduce((sum, logp, r) => sum + Number(logp >= (maxLogp[r] ?? NaN)), 0)
  return { loss: -sumOf(logps) / total, metrics: { entropy: sumOf(entropy) / total, mean_token_accuracy: correct / total }, details: NO_DETAILS }
}

/** @param total sequences of the step, of which these are a batch's. */
export function rewardOutcome(rewards: Float32Array, labels: readonly (0 | 1)[], total: number): BatchOutcome {
  let loss = 0
  let correct = 0
  rewards.forEach((reward, r) => {
    // -log sigmoid of the logit's signed size
    const signed = labels[r] ? reward : -reward
    loss += Math.max(-signed, 0) + Math.log1p(Math.exp(-Math.abs(signed)))
    correct += Number(signed > 0)
  })
  return { loss: loss / total, metrics: { accuracy: correct / total, mean_reward: sumOf(rewards) / total }, details: NO_DETAILS }
}

/** The last token's hidden state is what the reward head reads. */
export function rewardRow(ids: number[]): PackedRow {
  if (ids.length === 0) throw new Error('reward: expected at least one token, got an empty sequence')
  return { ids, trunk: ids.length, branches: [], predictions: [{ at: ids.length - 1, labels: [] }] }
}

function common({ config, weights }: Trainee, step: Step, noun: string): Pick<OpenTask, 'updater' | 'weights' | 'noun' | 'release'> {
  // A checkpoint of an adapter holds the adapter: the model under it does not change.
  const held = config.adapter ? step.parameters.map(({ name, weight }) => [name, weight] as const) : [...weights.values()].map(({ name, data }) => [name, data] as const)
  return { updater: (settings, state) => step.updater(settings, state), weights: new Map(held), noun, release: () => step.release() }
}

/** What training on these examples takes: the batches of later epochs differ little from those of the first. */
function need(step: Step, sizes: readonly RowSize[], batches: readonly number[][], config: TrainConfig): Pick<OpenTask, 'memory' | 'longest'> {
  const packed = batches.map(indices => sizeOfBatch(indices.map(i => sizes[i] as RowSize)))
  return { memory: step.memory(packed, config.optim, config.gradient_accumulation_steps > 1), longest: sizes.reduce((most, { tokens }) => Math.max(most, tokens), 0) }
}

function sizeOf(row: PackedRow): RowSize {
  return { tokens: row.ids.length, predictions: row.predictions.length, segments: segmentSizes(row) }
}

export function checkPairs(pairs: TokenPair[], reference: ReferenceLogps): void {
  for (const side of ['chosen', 'rejected'] as const) {
    if (reference[side].length !== pairs.length) throw new Error(`reference.${side}: expected ${pairs.length} log-probabilities, got ${reference[side].length}`)
  }
  pairs.forEach((pair, i) => {
    for (const part of ['promptIds', 'chosenIds', 'rejectedIds'] as const) if (pair[part].length === 0) throw new Error(`pair ${i}: expected at least one token in ${part}, got none`)
  })
}

type PredictionArrays = Record<keyof PredictionResults, { data: Float32Array; dims: readonly number[] }>

function predictionArrays(rows: number, columns: number): PredictionArrays {
  return emptyArrays({ logps: [rows, columns], entropy: [rows, 1], meanLogit: [rows, 1], maxLogp: [rows, 1] })
}

function dataOf({ logps, entropy, meanLogit, maxLogp }: PredictionArrays): PredictionResults {
  return { logps: logps.data, entropy: entropy.data, meanLogit: meanLogit.data, maxLogp: maxLogp.data }
}

function sumOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0)
}
