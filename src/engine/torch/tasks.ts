/**
 * Trainings whose gradients and optimizer live in a worker. Plan, order, schedule and metrics are the embedded engine's
 * own (`../train.ts`, `../dpo-loss.ts`): the worker computes batches and takes the steps that it is told to.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { dpoOutcome, dpoRow, flippedShare, lossWeights, pairTokens } from '../dpo-loss.ts'
import type { ReferenceLogps } from '../dpo-loss.ts'
import type { DpoConfig, RewardRow, TokenPair, TokenSequence, TrainConfig, TrainHooks } from '../engine.ts'
import type { WeightSpec } from '../models/decoder.ts'
import type { PackedRow } from '../packing.ts'
import { readSafetensors, writeSafetensors } from '../safetensors.ts'
import { checkPairs, dpoBatchOutcome, languageModelOutcome, languageModelRows, rewardOutcome, rewardRow } from '../tasks.ts'
import { lengthGroupedBatches, shuffledBatches } from '../train.ts'
import type { BatchOutcome, TrainingTask } from '../train.ts'
import { encodeFloats, results, startsOf, wireRow } from './protocol.ts'
import type { TorchWorker } from './worker.ts'

export type Trainee = {
  worker: TorchWorker
  model: number
  /** What a checkpoint holds. */
  trained: readonly WeightSpec[]
  /** Of a new reward head. */
  head?: Float32Array
  /** For files on their way. */
  scratch: string
}

export type TorchTask = TrainingTask & { rows: readonly PackedRow[] }
type Objective = 'dpo' | 'language-model' | 'reward'

export function dpoTask(trainee: Trainee, pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, hooks: TrainHooks): TorchTask {
  checkPairs(pairs, reference)
  const rows = pairs.map(dpoRow)
  const held = new HeldWeights(trainee, hooks)
  return {
    ...common(held, 'dpo', config, rows),
    noun: 'pairs',
    batches: epoch => shuffledBatches(pairs.length, config.per_device_train_batch_size, config.seed, epoch),
    tokens: indices => indices.reduce((sum, i) => sum + pairTokens(pairs[i] as TokenPair), 0),
    run: async (batches, i) => held.checked(await runDpoBatch(trainee, { pairs, rows, reference }, batches[i] ?? [], config, { share: 1 / batches.length, ...placeOf(batches, i) })),
  }
}

/** Forward and backward of one DPO batch; gradients are left in the worker. */
export async function runDpoBatch(trainee: Trainee, all: { pairs: TokenPair[]; rows: readonly PackedRow[]; reference: ReferenceLogps }, indices: readonly number[], config: DpoConfig, { share, ...place }: { share: number } & Place): Promise<BatchOutcome> {
  const pick = (values: Float64Array): Float64Array => Float64Array.from(indices, i => values[i] ?? NaN)
  const batch = { pairs: indices.map(i => all.pairs[i] as TokenPair), rows: indices.map(i => all.rows[i] as PackedRow), reference: { chosen: pick(all.reference.chosen), rejected: pick(all.reference.rejected) } }
  const loss = {
    kind: 'dpo', share, beta: config.beta, label_smoothing: flippedShare(config), weights: lossWeights(config),
    reference: { chosen: [...batch.reference.chosen], rejected: [...batch.reference.rejected] },
  }
  const predictions = await runBatch(trainee, batch.rows, loss, place, results.predictions)
  return dpoBatchOutcome(dpoOutcome(batch, { starts: startsOf(batch.rows) }, config, predictions), indices, share)
}

export function languageModelTask(trainee: Trainee, sequences: TokenSequence[], config: TrainConfig, hooks: TrainHooks): TorchTask {
  const rows = languageModelRows(sequences)
  const held = new HeldWeights(trainee, hooks)
  const countOf = (indices: readonly number[]): number => indices.reduce((sum, i) => sum + (rows[i]?.predictions.length ?? 0), 0)
  return {
    ...sequenceTask(held, 'language-model', config, rows),
    async run(batches, i) {
      const total = countOf(batches.flat())
      const predictions = await runBatch(trainee, (batches[i] ?? []).map(index => rows[index] as PackedRow), { kind: 'language-model', total }, placeOf(batches, i), results.predictions)
      return held.checked(languageModelOutcome(predictions, total))
    },
  }
}

export function rewardTask(trainee: Trainee, examples: RewardRow[], config: TrainConfig, hooks: TrainHooks): TorchTask {
  const rows = examples.map(({ ids }) => rewardRow(ids))
  const held = new HeldWeights(trainee, hooks)
  return {
    ...sequenceTask(held, 'reward', config, rows),
    async run(batches, i) {
      const total = batches.flat().length
      const batch = (batches[i] ?? []).map(index => examples[index] as RewardRow)
      const labels = batch.map(({ label }) => label)
      const { rewards } = await runBatch(trainee, batch.map(({ ids }) => rewardRow(ids)), { kind: 'reward', labels, total }, placeOf(batches, i), results.rewards)
      return held.checked(rewardOutcome(rewards, labels, total))
    },
  }
}

function sequenceTask(held: HeldWeights, objective: Objective, config: TrainConfig, rows: readonly PackedRow[]): Omit<TorchTask, 'run'> {
  const lengths = rows.map(({ ids }) => ids.length)
  return {
    ...common(held, objective, config, rows),
    noun: 'sequences',
    batches: epoch => lengthGroupedBatches(lengths, config.per_device_train_batch_size, config.seed, epoch),
    tokens: indices => indices.reduce((sum, i) => sum + (lengths[i] ?? 0), 0),
  }
}

function common(held: HeldWeights, objective: Objective, config: TrainConfig, rows: readonly PackedRow[]): Pick<TorchTask, 'rows' | 'updater' | 'weights'> {
  const { trainee: { worker, model }, weights } = held
  return {
    rows,
    weights,
    async updater(settings, state) {
      await held.begin({ ...settings, objective, gradient_checkpointing: config.gradient_checkpointing }, state)
      return {
        async norm() {
          const { norm } = await worker.request('trainNorm', { model }, results.norm)
          if (norm === null) await held.read()
          return norm ?? NaN
        },
        update: async (_step, rate, scale) => void (await worker.request('trainUpdate', { model, rate, scale }, results.nothing)),
        read: () => held.read(),
      }
    },
  }
}

/**
 * The weights of a training, which lie in the worker: here they are once they were read, and from the start where a
 * training goes on, to be checked and filled from its checkpoint.
 */
class HeldWeights {
  readonly trainee: Trainee
  readonly weights = new Map<string, Float32Array>()
  private readonly step: number | undefined

  constructor(trainee: Trainee, { resumeFrom }: TrainHooks) {
    this.trainee = trainee
    this.step = resumeFrom?.step
    if (resumeFrom) for (const { name, shape } of trainee.trained) this.weights.set(name, new Float32Array(shape.reduce((product, size) => product * size, 1)))
  }

  async begin(settings: Record<string, unknown>, optimizer: Map<string, Float32Array>): Promise<void> {
    const { trainee: { worker, model, head }, step } = this
    const begin = (state: string | null): Promise<unknown> => worker.request('trainBegin', { model, settings, head: head ? encodeFloats(head) : null, state, step: step ?? 0 }, results.trainBegin)
    if (step === undefined) await begin(null)
    else await withFolder(this.trainee, async folder => {
      writeArrays(join(folder, WEIGHTS), this.weights)
      writeArrays(join(folder, OPTIMIZER), optimizer)
      await begin(folder)
    })
  }

  /** Fetches the weights; resolves with the optimizer's arrays. */
  read(): Promise<Map<string, Float32Array>> {
    const { worker, model } = this.trainee
    return withFolder(this.trainee, async folder => {
      await worker.request('trainState', { model, folder }, results.nothing)
      for (const [name, values] of readArrays(join(folder, WEIGHTS))) this.weights.set(name, values)
      return readArrays(join(folder, OPTIMIZER))
    })
  }

  /** A loss that is not finite asks whether the weights are: they must have been read by then. */
  async checked(outcome: BatchOutcome): Promise<BatchOutcome> {
    if (!Number.isFinite(outcome.loss)) await this.read()
    return outcome
  }
}

const WEIGHTS = 'weights.safetensors'
const OPTIMIZER = 'optimizer.safetensors'

/** Of a batch among those of its step: gradients are cleared before the first, and summed over the processes after the last. */
type Place = { isFirst: boolean; isLast: boolean }
const placeOf = (batches: readonly unknown[], i: number): Place => ({ isFirst: i === 0, isLast: i === batches.length - 1 })

function runBatch<Schema extends z.ZodType>({ worker, model }: Trainee, rows: readonly PackedRow[], loss: Record<string, unknown>, { isFirst: first, isLast: last }: Place, schema: Schema): Promise<z.output<Schema>> {
  return worker.request('trainBatch', { model, rows: rows.map(wireRow), loss, first, last }, schema)
}

/** A folder for the time of one message. */
export async function withFolder<T>({ scratch }: Pick<Trainee, 'scratch'>, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(scratch, 'message')
  mkdirSync(folder, { recursive: true })
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function readArrays(file: string): Map<string, Float32Array> {
  return new Map([...readSafetensors(file)].map(([name, { data }]) => [name, data]))
}

function writeArrays(file: string, arrays: ReadonlyMap<string, Float32Array>): void {
  writeSafetensors(file, [...arrays].map(([name, data]) => ({ name, shape: [data.length], data })))
}
