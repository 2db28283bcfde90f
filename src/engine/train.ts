/**
 * The training loop: which examples a step sees is a pure function of seed and step, so a continued run equals an
 * uninterrupted one bit for bit. Losses come as `TrainingTask`s.
 */
import type { OptimizerConfig, StepDetails, StepMetrics, TrainConfig, TrainHooks } from './engine.ts'
import { clipFactor } from './optimizer.ts'
import { shuffledIndices } from './rng.ts'
import { learningRate } from './schedule.ts'
import type { Updater } from './updater.ts'

/** Sums over a step's batches of what each contributes: loss and metrics are already weighted with the batch's share. */
export type BatchOutcome = { loss: number; metrics: Record<string, number>; details: StepDetails }

export type TrainingTask = {
  /** Batches of example indices of one epoch; the same number in every epoch. */
  batches(epoch: number): number[][]
  /** Tokens of a batch as `num_tokens` counts them. */
  tokens(indices: readonly number[]): number
  /** @param state of the optimizer, where a run goes on; the weights are in place by then. */
  updater(config: OptimizerConfig, state: Map<string, Float32Array>): Promise<Updater>
  /** What a checkpoint holds: every weight of the model, trained or not, or those of its adapter. */
  weights: Map<string, Float32Array>
  /** Forward and backward of batch `i` of the step's batches; adds to the step's gradients. */
  run(step: readonly number[][], i: number): Promise<BatchOutcome>
  /** What the examples are called in errors. */
  noun: string
}

/** A run stopped because its numbers are no longer finite; the weights are those that the step before has left. */
export class DivergedError extends Error {
  override readonly name: string = 'DivergedError'
  /** The step that could not be taken. */
  readonly step: number
  /** Of the examples in its batch. */
  readonly indices: number[]
  /** The step whose weights are kept: the one before, 0 for those it started with; null where they are not finite either. */
  readonly keptStep: number | null

  constructor(step: number, what: string, { noun, weights }: Pick<TrainingTask, 'noun' | 'weights'>, indices: number[]) {
    const keptStep = [...weights.values()].every(values => values.every(Number.isFinite)) ? step - 1 : null
    super(`step ${step}: expected a finite ${what}, got NaN or infinity in ${noun} ${indices.join(', ')}; the weights of step ${step - 1} are ${keptStep === null ? 'not finite either' : 'kept'}. Lower the learning rate, or look at these ${noun}`)
    this.step = step
    this.indices = indices
    this.keptStep = keptStep
  }
}

/** Steps in all (Trainer: updates per epoch are rounded up, then max_steps or epochs). */
export function totalSteps(batchesPerEpoch: number, config: Pick<TrainConfig, 'gradient_accumulation_steps' | 'max_steps' | 'num_train_epochs'>): number {
  return config.max_steps > 0 ? config.max_steps : Math.ceil(config.num_train_epochs * Math.ceil(batchesPerEpoch / config.gradient_accumulation_steps))
}

/**
 * Steps whose pairs hold `tokens` tokens in all, to the nearest step: the order is that of training, epoch after epoch.
 * @param lengths tokens of each pair, as `num_tokens` counts them. @returns 0 where not even half a step fits.
 */
export function stepsForTokens(lengths: readonly number[], config: Pick<TrainConfig, 'per_device_train_batch_size' | 'gradient_accumulation_steps' | 'seed'>, tokens: number): number {
  let [steps, used] = [0, 0]
  for (let epoch = 0; ; epoch++) {
    const batches = shuffledBatches(lengths.length, config.per_device_train_batch_size, config.seed, epoch)
    for (let from = 0; from < batches.length; from += config.gradient_accumulation_steps) {
      const step = batches.slice(from, from + config.gradient_accumulation_steps).flat().reduce((sum, i) => sum + (lengths[i] ?? 0), 0)
      // Also where a length is no number: it must end.
      if (!(used + step / 2 <= tokens)) return steps
      used += step
      steps++
    }
  }
}

export async function train(task: TrainingTask, config: TrainConfig, hooks: TrainHooks = {}): Promise<void> {
  const batchesPerEpoch = task.batches(0).length
  if (batchesPerEpoch === 0) throw new Error(`expected at least one of ${task.noun} to train on, got none`)
  const total = totalSteps(batchesPerEpoch, config)
  const batchesOf = cachedEpochs(task)
  const stepBatches = (step: number): { batches: number[][]; epoch: number } => {
    const perEpoch = Math.ceil(batchesPerEpoch / config.gradient_accumulation_steps)
    const epoch = Math.floor((step - 1) / perEpoch)
    const from = ((step - 1) % perEpoch) * config.gradient_accumulation_steps
    const batches = batchesOf(epoch).slice(from, from + config.gradient_accumulation_steps)
    return { batches, epoch: epoch + (from + batches.length) / batchesPerEpoch }
  }
  const countTokens = (batches: number[][]): number => batches.reduce((sum, indices) => sum + task.tokens(indices), 0)

  const start = hooks.resumeFrom
  if (start) restoreWeights(task.weights, start.weights)
  const updater = await task.updater(config, new Map([...(start?.optimizer ?? [])].map(([name, values]) => [name, values.slice()])))
  const firstStep = (start?.step ?? 0) + 1
  let tokens = 0
  for (let step = 1; step < firstStep; step++) tokens += countTokens(stepBatches(step).batches)
  const checkpoint = async (step: number): Promise<void> => {
    if (hooks.onCheckpoint) await hooks.onCheckpoint({ step, optimizer: await updater.read(), weights: task.weights })
  }
  let saved = start?.step ?? 0

  for (let step = firstStep; step <= total; step++) {
    if (hooks.signal?.aborted) {
      if (saved !== step - 1) await checkpoint(step - 1)
      throw hooks.signal.reason
    }
    const { batches, epoch } = stepBatches(step)
    let outcome: BatchOutcome
    let norm: number
    try {
      outcome = await runBatches(task, batches, step)
      norm = await updater.norm()
      if (!Number.isFinite(norm)) throw new DivergedError(step, 'gradient', task, batches.flat())
    } catch (error) {
      // No weight has been touched: what the step before has left is worth keeping.
      if (error instanceof DivergedError && error.keptStep !== null && error.keptStep !== saved) await checkpoint(error.keptStep)
      throw error
    }
    const rate = learningRate(config, step, total)
    await updater.update(step, rate, clipFactor(norm, config.max_grad_norm))
    tokens += countTokens(batches)
    const metrics: StepMetrics = { loss: outcome.loss, grad_norm: norm, learning_rate: rate, ...outcome.metrics, num_tokens: tokens, epoch, step }
    await hooks.onStep?.(metrics, outcome.details)
    if (hooks.checkpointEvery && step % hooks.checkpointEvery === 0 && step < total) {
      await checkpoint(step)
      saved = step
    }
  }
  await checkpoint(Math.max(total, start?.step ?? 0))
}

async function runBatches(task: TrainingTask, batches: number[][], step: number): Promise<BatchOutcome> {
  const total: BatchOutcome = { loss: 0, metrics: {}, details: { pairIndices: [], margins: [] } }
  for (const [i, indices] of batches.entries()) {
    const { loss, metrics, details } = await task.run(batches, i)
    if (!Number.isFinite(loss)) throw new DivergedError(step, 'loss', task, indices)
    total.loss += loss
    for (const [name, value] of Object.entries(metrics)) total.metrics[name] = (total.metrics[name] ?? 0) + value
    total.details.pairIndices.push(...details.pairIndices)
    total.details.margins.push(...details.margins)
  }
  return total
}

/** Examples in an order of their own each epoch, cut into batches; the last may be smaller. */
export function shuffledBatches(count: number, batchSize: number, seed: number, epoch: number): number[][] {
  return cut(shuffledIndices(count, seed, epoch), batchSize)
}

/** Lengths are sorted within this many batches only, so that epochs still differ in their batches. */
const SORTED_BATCHES = 50

/** Batches of similar length in seeded order (the idea of transformers' LengthGroupedSampler). */
export function lengthGroupedBatches(lengths: readonly number[], batchSize: number, seed: number, epoch: number): number[][] {
  const order = shuffledIndices(lengths.length, seed, epoch)
  const batches = cut(order, batchSize * SORTED_BATCHES).flatMap(group => cut(group.toSorted((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0)), batchSize))
  return shuffledIndices(batches.length, seed, epoch, 1).map(i => batches[i] ?? [])
}

function cut(items: number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** Remembers the current epoch's batches. */
function cachedEpochs(task: TrainingTask): (epoch: number) => number[][] {
  let known = -1
  let batches: number[][] = []
  return epoch => {
    if (epoch !== known) batches = task.batches(epoch)
    known = epoch
    return batches
  }
}

function restoreWeights(weights: Map<string, Float32Array>, saved: Map<string, Float32Array>): void {
  for (const [name, values] of weights) {
    const from = saved.get(name)
    if (from?.length !== values.length) throw new Error(`checkpoint: expected ${values.length} numbers for "${name}", got ${from?.length ?? 'none'}; it belongs to another model`)
    values.set(from)
  }
}
