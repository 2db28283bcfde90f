/** The embedded engine: `Engine` on stock onnxruntime, float32, on the CPU or a WebGPU device. */
import { createAdapter, readAdapterFolder, writeAdapterFolder } from './adapter-folder.ts'
import type { Adapter, AdapterBase } from './adapter-folder.ts'
import { requireWebGpu } from './device-check.ts'
import { DeviceWeights } from './device-step.ts'
import { DEVICES_OF } from './device.ts'
import type { Device } from './device.ts'
import type { ReferenceLogps } from './dpo-loss.ts'
import type { DpoConfig, Engine, LoadOptions, Model, PairGradients, RewardRow, SampledCompletion, SaveOptions, SampleHooks, SampleRequest, SampleSettings, TokenPair, TokenRow, TokenSequence, TrainConfig, TrainHooks } from './engine.ts'
import type { Graph } from './graph.ts'
import { InputError } from './input-error.ts'
import { requireMemory } from './memory.ts'
import { mergeAdapter } from './merge.ts'
import { readModelFolder, writeModelFolder } from './model-folder.ts'
import type { ModelConfig } from './model-folder.ts'
import { checkWeights, EMBEDDING, LM_HEAD, REWARD_HEAD } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { refuseDropout } from './models/config-keys.ts'
import { decoderConfig } from './models/index.ts'
import { completionPlaces, contextLength, packRows, RopeTables } from './packing.ts'
import { measurePairGradients } from './pair-gradients.ts'
import { classifierConfig, newRewardHead } from './reward-head.ts'
import type { Tensor } from './safetensors.ts'
import { sample } from './sample.ts'
import { decodeWeights, openDecodeSession } from './sampler.ts'
import { buildPrefillGraph } from './sampling-graph.ts'
import type { DecodeWeights } from './sampling-graph.ts'
import { packScoringBatch, scoringBatches, scoringRows } from './score.ts'
import { emptyArrays, GraphSession } from './session.ts'
import type { DeviceFeeds } from './session.ts'
import { dpoStep, dpoTask, languageModelTask, rewardRow, rewardTask, runDpoBatch } from './tasks.ts'
import type { OpenTask, Trainee } from './tasks.ts'
import { defaultThreads } from './threads.ts'
import { train } from './train.ts'
import { buildRewardGraph, buildScoringGraph } from './training-graph.ts'
import { weightFeeds } from './training-step.ts'

export const embeddedEngine: Engine = {
  name: 'embedded',
  async load(folder, options = {}) {
    const device = options.device ?? 'cpu'
    if (!DEVICES_OF.embedded.includes(device)) throw new InputError(`device ${device}: expected ${DEVICES_OF.embedded.join(' or ')} with the embedded engine; choose one of them, or engine torch`)
    if (device === 'webgpu') await requireWebGpu()
    const { folder: path, config, weights, eosIds: _ } = readModelFolder(folder)
    const decoder = decoderConfig(config)
    const checked = checkWeights(decoder, weights, path)
    const adapter = openAdapter(options, { folder: path, modelType: config.model_type, decoder })
    for (const [name, tensor] of adapter?.tensors ?? []) checked.set(name, tensor)
    return new EmbeddedModel(path, config, adapter ? { ...decoder, adapter: adapter.lowRank } : decoder, checked, options.threads ?? defaultThreads(numbersOf(checked)), device, adapter)
  },
}

function openAdapter({ adapter, newAdapter }: LoadOptions, base: AdapterBase): Adapter | undefined {
  if (adapter !== undefined && newAdapter) throw new Error(`expected an adapter to continue or a new one, got both (${adapter})`)
  if (adapter !== undefined) return readAdapterFolder(adapter, base)
  return newAdapter && createAdapter(newAdapter, base)
}

function numbersOf(weights: ReadonlyMap<string, Tensor>): number {
  return [...weights.values()].reduce((sum, { data }) => sum + data.length, 0)
}

type SessionKind = 'score' | 'reward' | 'prefill'

const GRAPHS: Record<SessionKind, (config: DecoderConfig) => Graph> = { score: buildScoringGraph, reward: buildRewardGraph, prefill: buildPrefillGraph }

class EmbeddedModel implements Model {
  readonly folder: string
  readonly threads: number
  readonly device: Device
  private readonly modelConfig: ModelConfig
  private readonly config: DecoderConfig
  private readonly weights: Map<string, Tensor>
  private readonly sessions = new Map<SessionKind | DecodeWeights, Promise<GraphSession>>()
  private readonly ropeTables: RopeTables
  private readonly adapter: Adapter | undefined
  private onDevice: Promise<DeviceWeights> | undefined
  private isTraining = false

  constructor(folder: string, modelConfig: ModelConfig, config: DecoderConfig, weights: Map<string, Tensor>, threads: number, device: Device, adapter: Adapter | undefined) {
    this.device = device
    this.adapter = adapter
    this.folder = folder
    this.modelConfig = modelConfig
    this.config = config
    this.weights = weights
    this.threads = threads
    this.ropeTables = new RopeTables(config)
  }

  async score(requests: TokenRow[], signal?: AbortSignal): Promise<Float32Array[]> {
    this.requireLanguageHead()
    const results = requests.map(({ completionIds }) => new Float32Array(completionIds.length))
    const rows = scoringRows(requests, this.config)
    const session = await this.session('score')
    for (const batch of scoringBatches(rows, this.config)) {
      signal?.throwIfAborted()
      const { packed, columns, positions } = packScoringBatch(batch.map(({ row }) => row), this.config)
      const feeds = { ...(await this.weightFeeds()), ...packed.feeds, ...this.ropeTables.feeds(positions) }
      const { logps } = emptyArrays({ logps: [packed.predictions, columns] })
      await session.run(feeds, { logps })
      batch.forEach(({ row, requests: indices }, b) => {
        indices.forEach((index, completion) => {
          const target = results[index] ?? new Float32Array()
          completionPlaces(row, completion, target.length).forEach(([prediction, label], t) => {
            target[t] = logps.data[((packed.starts[b] ?? 0) + prediction) * columns + label] ?? NaN
          })
        })
      })
    }
    return results
  }

  async *sample(requests: SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks?: SampleHooks): AsyncGenerator<SampledCompletion[]> {
    this.requireLanguageHead()
    const mode = this.decodeMode(settings, requests.length)
    // The first token comes from the prompt's own pass and need not wait for it.
    const decode = (): Promise<GraphSession> => this.open(mode, () => openDecodeSession(this.config, this.weights, mode, { threads: this.threads, device: this.device }))
    const sampler = { config: this.config, weights: await this.weightFeeds(), prefill: await this.session('prefill'), decode, mode }
    yield* sample(sampler, requests, settings, signal, hooks)
  }

  async trainDpo(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, hooks?: TrainHooks): Promise<void> {
    this.requireLanguageHead()
    await this.train(async () => dpoTask(await this.trainee(), pairs, reference, config), config, hooks)
  }

  async trainLanguageModel(rows: TokenSequence[], config: TrainConfig, hooks?: TrainHooks): Promise<void> {
    this.requireLanguageHead()
    await this.train(async () => languageModelTask(await this.trainee(), rows, config), config, hooks)
  }

  async trainReward(rows: RewardRow[], config: TrainConfig, hooks?: TrainHooks): Promise<void> {
    if (this.adapter) throw new InputError(`${this.folder}: expected a model without adapter, a reward model is trained as a whole; load it without one`)
    if (!this.weights.has(REWARD_HEAD)) this.weights.set(REWARD_HEAD, newRewardHead(this.modelConfig, config.seed))
    // A reward model is a sequence classifier: it has no language-model head.
    this.weights.delete(LM_HEAD)
    await this.leaveDevice()
    await this.train(async () => rewardTask(await this.trainee(), rows, config), config, hooks)
  }

  async reward(sequences: number[][], signal?: AbortSignal): Promise<Float64Array> {
    if (!this.weights.has(REWARD_HEAD)) throw new Error(`${this.folder}: expected a reward head ("${REWARD_HEAD}"), found none; train one first`)
    const rewards = new Float64Array(sequences.length)
    const session = await this.session('reward')
    const rows = sequences.map((ids, index) => ({ row: rewardRow(ids), index }))
    for (const batch of scoringBatches(rows, this.config)) {
      signal?.throwIfAborted()
      const packed = packRows(batch.map(({ row }) => row), this.config, 0)
      const feeds = { ...(await this.weightFeeds()), ...packed.feeds, ...this.ropeTables.feeds(Math.max(...batch.map(({ row }) => contextLength(row)))) }
      const results = emptyArrays({ rewards: [batch.length, 1] })
      await session.run(feeds, results)
      batch.forEach(({ index }, b) => (rewards[index] = results.rewards.data[b] ?? NaN))
    }
    return rewards
  }

  async dpoGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
    this.requireLanguageHead()
    const step = await dpoStep(await this.trainee(), pairs, reference, { batchSize: pairs.length, checkpointed: config.gradient_checkpointing })
    try {
      const { loss } = await runDpoBatch(step, this.config, pairs, reference, pairs.map((_, i) => i), config, 1, true)
      return { loss, gradients: await step.readGradients() }
    } finally {
      await step.release()
    }
  }

  async pairGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, signal?: AbortSignal): Promise<PairGradients> {
    this.requireLanguageHead()
    const step = await dpoStep(await this.trainee(), pairs, reference, { batchSize: 1, checkpointed: config.gradient_checkpointing })
    try {
      return await measurePairGradients(step, pairs.length, (i) => runDpoBatch(step, this.config, pairs, reference, [i], config, 1, true), signal)
    } finally {
      await step.release()
    }
  }

  async save(folder: string, { merged = false }: SaveOptions = {}): Promise<void> {
    if (this.adapter) return merged ? writeModelFolder(folder, this.folder, mergeAdapter(this.weights, this.adapter)) : writeAdapterFolder(folder, this.adapter)
    const changes = this.weights.has(REWARD_HEAD) ? classifierConfig(this.modelConfig) : {}
    writeModelFolder(folder, this.folder, this.weights, changes)
  }

  async dispose(): Promise<void> {
    await this.releaseSessions()
    await this.leaveDevice()
  }

  private async trainee(): Promise<Trainee> {
    return { config: this.config, weights: this.weights, threads: this.threads, ...(this.device !== 'cpu' && { onDevice: await this.deviceWeights() }) }
  }

  private async weightFeeds(): Promise<DeviceFeeds> {
    return this.device === 'cpu' ? weightFeeds(this.weights) : (await this.deviceWeights()).feeds()
  }

  /** Sent to the device once; training there leaves them as it made them. */
  private deviceWeights(): Promise<DeviceWeights> {
    return (this.onDevice ??= DeviceWeights.upload(this.weights).catch((error: unknown) => {
      this.onDevice = undefined
      throw error
    }))
  }

  private async leaveDevice(): Promise<void> {
    const weights = await this.onDevice
    this.onDevice = undefined
    await weights?.memory.release()
  }

  private async train(open: () => Promise<OpenTask>, config: TrainConfig, hooks: TrainHooks | undefined): Promise<void> {
    refuseDropout(this.modelConfig.raw, `${this.folder}, config.json`)
    // Each session keeps the memory of its largest run: give it back before training takes its own.
    await this.releaseSessions()
    const task = await open()
    this.isTraining = true
    try {
      requireMemory(task.memory, process.memoryUsage.rss(), process.availableMemory(), { batch: config.per_device_train_batch_size, longest: task.longest, checkpointed: config.gradient_checkpointing, isAdapter: this.adapter !== undefined, device: this.device })
      await hooks?.onStart?.({ memory: task.memory, threads: this.threads })
      await train(task, config, hooks)
    } finally {
      this.isTraining = false
      await task.release()
    }
  }

  /** Copies in another layout and 8 bits are kernels of the CPU; on a device decoding reads the weights that lie there, and during training those that change with it. */
  private decodeMode({ weights = 'float32', batch_size: slots, max_new_tokens: length }: SampleSettings, requests: number): DecodeWeights {
    if (this.isTraining && weights === 'float32') return 'shared'
    if (this.device === 'cpu') return weights === 'int8' ? 'int8' : decodeWeights(this.weights, { rows: Math.min(slots, requests), steps: Math.ceil(requests / slots) * length })
    if (weights === 'int8') throw new InputError(`${this.folder}: int8: expected device cpu, got ${this.device}; choose device cpu, or float32 weights`)
    return 'shared'
  }

  private session(kind: SessionKind): Promise<GraphSession> {
    return this.open(kind, () => GraphSession.create(GRAPHS[kind](this.config), this.threads, { device: this.device }))
  }

  private open(kind: SessionKind | DecodeWeights, create: () => Promise<GraphSession>): Promise<GraphSession> {
    const existing = this.sessions.get(kind)
    if (existing) return existing
    const created = create()
    this.sessions.set(kind, created)
    // A session that could not be made is not remembered.
    created.catch(() => this.sessions.delete(kind))
    return created
  }

  private async releaseSessions(): Promise<void> {
    const sessions = await Promise.all(this.sessions.values())
    this.sessions.clear()
    for (const session of sessions) await session.release()
  }

  private requireLanguageHead(): void {
    const name = this.config.tied ? EMBEDDING : LM_HEAD
    if (!this.weights.has(name)) throw new Error(`${this.folder}: expected a language model, found a reward model without "${name}"`)
  }
}
