/** A model in a worker: `Model` as requests to it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createAdapter, readAdapterFolder, writeAdapterFolder } from '../adapter-folder.ts'
import type { Adapter } from '../adapter-folder.ts'
import type { Device } from '../device.ts'
import { dpoRow } from '../dpo-loss.ts'
import type { ReferenceLogps } from '../dpo-loss.ts'
import type { DpoConfig, LoadOptions, Model, PairGradients, RewardRow, SampledCompletion, SampleHooks, SampleRequest, SampleSettings, SaveOptions, TokenPair, TokenRow, TokenSequence, TrainConfig, TrainHooks } from '../engine.ts'
import { InputError } from '../input-error.ts'
import { requireMemory } from '../memory.ts'
import type { ModelConfig } from '../model-config.ts'
import { readModelConfig, receiveModelFolder } from '../model-folder.ts'
import { refuseDropout } from '../models/config-keys.ts'
import { adapterWeights, expectedWeights, REWARD_HEAD, trunkWeights } from '../models/decoder.ts'
import type { DecoderConfig, WeightSpec } from '../models/decoder.ts'
import { decoderConfig } from '../models/index.ts'
import { completionPlaces } from '../packing.ts'
import type { PackedRow } from '../packing.ts'
import { classifierConfig, newRewardHead } from '../reward-head.ts'
import { readSafetensors } from '../safetensors.ts'
import { scoringBatches, scoringRows } from '../score.ts'
import { checkPairs, rewardRow } from '../tasks.ts'
import { defaultThreads } from '../threads.ts'
import { train } from '../train.ts'
import type { BatchOutcome } from '../train.ts'
import { fillDeepspeed, readDeepspeed } from './deepspeed.ts'
import { torchMemory } from './memory.ts'
import type { TorchOptions } from './options.ts'
import { results, startsOf, wireRow } from './protocol.ts'
import { sample } from './sample.ts'
import { dpoTask, languageModelTask, readArrays, rewardTask, runDpoBatch, withFolder } from './tasks.ts'
import type { TorchTask, Trainee } from './tasks.ts'
import type { TorchWorker } from './worker.ts'

export async function loadTorchModel(worker: TorchWorker, folder: string, { adapter: adapterFolder, newAdapter, device, threads }: LoadOptions & { device: Device }, options: TorchOptions): Promise<Model> {
  if (adapterFolder !== undefined && newAdapter) throw new Error(`expected an adapter to continue or a new one, got both (${adapterFolder})`)
  const path = resolve(folder)
  const config = readModelConfig(path)
  const decoder = decoderConfig(config)
  const base = { folder: path, modelType: config.model_type, decoder }
  const scratch = mkdtempSync(join(tmpdir(), 'drift-torch-'))
  try {
    let adapter: Adapter | undefined
    let adapterPath = adapterFolder === undefined ? null : resolve(adapterFolder)
    if (adapterPath !== null) adapter = readAdapterFolder(adapterPath, base)
    if (newAdapter) {
      // Its first values are the embedded engine's: both begin with the same adapter.
      adapter = createAdapter(newAdapter, base)
      adapterPath = join(scratch, 'adapter')
      writeAdapterFolder(adapterPath, adapter)
    }
    const count = torchThreads(path, { threads })
    const deepspeed = options.deepspeed === null ? null : fillDeepspeed(readDeepspeed(options.deepspeed), { dtype: options.dtype, hidden: decoder.hidden })
    const { model } = await worker.request('load', { folder: path, adapter: adapterPath, device, dtype: options.dtype, in4bit: options.load_in_4bit, deepspeed, threads: count }, results.load)
    return new TorchModel({ worker, model, scratch }, path, config, adapter ? { ...decoder, adapter: adapter.lowRank } : decoder, adapter, { device, threads: count, options })
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true })
    throw error
  }
}

/** Of a model's worker: those that were asked for, else by its size. */
export function torchThreads(folder: string, { threads }: Pick<LoadOptions, 'threads'>): number {
  return threads ?? defaultThreads(expectedWeights(decoderConfig(readModelConfig(folder))).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0))
}

class TorchModel implements Model {
  readonly folder: string
  readonly threads: number
  readonly device: Device
  private readonly place: { worker: TorchWorker; model: number; scratch: string }
  private readonly modelConfig: ModelConfig
  private readonly config: DecoderConfig
  private readonly adapter: Adapter | undefined
  private readonly options: TorchOptions
  private isReward: boolean

  constructor(place: { worker: TorchWorker; model: number; scratch: string }, folder: string, modelConfig: ModelConfig, config: DecoderConfig, adapter: Adapter | undefined, { device, threads, options }: { device: Device; threads: number; options: TorchOptions }) {
    this.place = place
    this.folder = folder
    this.modelConfig = modelConfig
    this.config = config
    this.adapter = adapter
    this.device = device
    this.threads = threads
    this.options = options
    this.isReward = isClassifier(modelConfig)
  }

  async score(requests: TokenRow[], signal?: AbortSignal): Promise<Float32Array[]> {
    this.requireLanguageHead()
    const scores = requests.map(({ completionIds }) => new Float32Array(completionIds.length))
    for (const batch of scoringBatches(scoringRows(requests, this.config), this.config)) {
      signal?.throwIfAborted()
      const rows = batch.map(({ row }) => row)
      const logps = await this.run(rows, false)
      const starts = startsOf(rows)
      const columns = logps.length / (starts.at(-1) ?? 1)
      batch.forEach(({ row, requests: indices }, b) => {
        indices.forEach((index, completion) => {
          const target = scores[index] ?? new Float32Array()
          completionPlaces(row, completion, target.length).forEach(([prediction, label], t) => {
            target[t] = logps[((starts[b] ?? 0) + prediction) * columns + label] ?? NaN
          })
        })
      })
    }
    return scores
  }

  async *sample(requests: SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks?: SampleHooks): AsyncGenerator<SampledCompletion[]> {
    this.requireLanguageHead()
    yield* sample({ ...this.place, folder: this.folder, config: this.config }, requests, settings, signal, hooks)
  }

  async trainDpo(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, hooks: TrainHooks = {}): Promise<void> {
    this.requireLanguageHead()
    await this.train(dpoTask(this.trainee(), pairs, reference, config, hooks), config, hooks)
  }

  async trainLanguageModel(rows: TokenSequence[], config: TrainConfig, hooks: TrainHooks = {}): Promise<void> {
    this.requireLanguageHead()
    await this.train(languageModelTask(this.trainee(), rows, config, hooks), config, hooks)
  }

  async trainReward(rows: RewardRow[], config: TrainConfig, hooks: TrainHooks = {}): Promise<void> {
    if (this.adapter) throw new InputError(`${this.folder}: expected a model without adapter, a reward model is trained as a whole; load it without one`)
    const head = this.isReward ? undefined : newRewardHead(this.modelConfig, config.seed).data
    this.isReward = true
    await this.train(rewardTask({ ...this.trainee(), ...(head && { head }) }, rows, config, hooks), config, hooks)
  }

  async reward(sequences: number[][], signal?: AbortSignal): Promise<Float64Array> {
    if (!this.isReward) throw new Error(`${this.folder}: expected a reward head ("${REWARD_HEAD}"), found none; train one first`)
    const rewards = new Float64Array(sequences.length)
    for (const batch of scoringBatches(sequences.map((ids, index) => ({ row: rewardRow(ids), index })), this.config)) {
      signal?.throwIfAborted()
      const values = await this.run(batch.map(({ row }) => row), true)
      batch.forEach(({ index }, b) => (rewards[index] = values[b] ?? NaN))
    }
    return rewards
  }

  async dpoGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
    return this.withDpo(pairs, reference, config, async (run) => {
      const { loss } = await run(pairs.map((_, i) => i), true, true)
      const { worker, model } = this.place
      return withFolder(this.place, async folder => {
        const file = join(folder, 'gradients.safetensors')
        await worker.request('trainGradients', { model, file }, results.nothing)
        return { loss, gradients: readArrays(file) }
      })
    })
  }

  async pairGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, signal?: AbortSignal): Promise<PairGradients> {
    return this.withDpo(pairs, reference, config, async (run, norm) => {
      const norms = new Float64Array(pairs.length)
      const margins = new Float64Array(pairs.length)
      for (let i = 0; i < pairs.length; i++) {
        signal?.throwIfAborted()
        const { details: { margins: [margin] } } = await run([i], true, true)
        margins[i] = margin ?? NaN
        norms[i] = await norm()
      }
      // Once more without clearing between them: the worker holds one set of gradients, and their sum is wanted last.
      for (let i = 0; i < pairs.length; i++) {
        signal?.throwIfAborted()
        await run([i], i === 0, i === pairs.length - 1)
      }
      return { norms, margins, meanNorm: (await norm()) / pairs.length }
    })
  }

  async save(folder: string, { merged = false }: SaveOptions = {}): Promise<void> {
    const { worker, model } = this.place
    const write = async (to: string): Promise<void> => void (await worker.request('save', { model, folder: to, merged }, results.nothing))
    if (!this.adapter || merged) return receiveModelFolder(folder, this.folder, this.isReward ? classifierConfig(this.modelConfig) : {}, write)
    const { adapter } = this
    await withFolder(this.place, async to => {
      await write(to)
      writeAdapterFolder(folder, { ...adapter, tensors: readSafetensors(join(to, 'model.safetensors')) })
    })
  }

  async dispose(): Promise<void> {
    const { worker, model, scratch } = this.place
    rmSync(scratch, { recursive: true, force: true })
    if (worker.isAlive) await worker.request('unload', { model }, results.nothing)
  }

  /** Lets `work` run DPO batches whose gradients stay in the worker, without a step. */
  private async withDpo<Output>(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, work: (run: (indices: readonly number[], isFirst: boolean, isLast: boolean) => Promise<BatchOutcome>, norm: () => Promise<number>) => Promise<Output>): Promise<Output> {
    this.requireLanguageHead()
    checkPairs(pairs, reference)
    const { worker, model } = this.place
    const all = { pairs, rows: pairs.map(dpoRow), reference }
    await worker.request('trainBegin', { model, settings: { ...config, objective: 'dpo' }, head: null, state: null, step: 0 }, results.trainBegin)
    try {
      return await work((indices, isFirst, isLast) => runDpoBatch(this.trainee(), all, indices, config, { share: 1, isFirst, isLast }), async () => (await worker.request('trainNorm', { model }, results.norm)).norm ?? NaN)
    } finally {
      if (worker.isAlive) await worker.request('trainEnd', { model }, results.nothing)
    }
  }

  private async run(rows: readonly PackedRow[], reward: boolean): Promise<Float32Array> {
    return (await this.place.worker.request('run', { model: this.place.model, rows: rows.map(wireRow), reward }, results.run)).values
  }

  private trainee(): Trainee {
    return { ...this.place, trained: this.trainedWeights() }
  }

  private trainedWeights(): WeightSpec[] {
    if (this.adapter) return adapterWeights(this.config)
    return this.isReward ? [...trunkWeights(this.config), { name: REWARD_HEAD, shape: [1, this.config.hidden] }] : expectedWeights(this.config)
  }

  private async train(task: TorchTask, config: TrainConfig, hooks: TrainHooks): Promise<void> {
    refuseDropout(this.modelConfig.raw, `${this.folder}, config.json`)
    const { worker, model } = this.place
    const memory = torchMemory(this.config, { weights: expectedWeights(this.config), trained: this.trainedWeights(), rows: task.rows, batches: task.batches(0), isReward: this.isReward }, config, this.options, this.device)
    const { bytes } = await worker.request('free', { model }, results.free)
    const longest = task.rows.reduce((most, { ids }) => Math.max(most, ids.length), 0)
    requireMemory(memory, 0, bytes ?? process.availableMemory(), { batch: config.per_device_train_batch_size, longest, checkpointed: config.gradient_checkpointing, isAdapter: this.adapter !== undefined, device: 'cpu' })
    await hooks.onStart?.({ memory, threads: this.threads })
    try {
      await train(task, config, hooks)
    } finally {
      if (worker.isAlive) await worker.request('trainEnd', { model }, results.nothing)
    }
  }

  private requireLanguageHead(): void {
    if (this.isReward) throw new Error(`${this.folder}: expected a language model, found a reward model without a head for tokens`)
  }
}

function isClassifier({ raw }: ModelConfig): boolean {
  return Array.isArray(raw.architectures) && String(raw.architectures[0]).endsWith('ForSequenceClassification')
}
