/** A model whose bulk sampling is vLLM's: one of the worker and of vLLM holds it at a time, for both want the whole device. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Device } from '../device.ts'
import type { ReferenceLogps } from '../dpo-loss.ts'
import type { DpoConfig, Model, PairGradients, RewardRow, SampledCompletion, SampleHooks, SampleRequest, SampleSettings, SaveOptions, ServedCompletion, ServeSettings, TokenPair, TokenRow, TokenSequence, TrainConfig, TrainHooks } from '../engine.ts'
import type { VllmCopies } from './vllm.ts'

/** How the model of a folder comes into the worker, and how vLLM draws from it. */
export type ModelPlace = { load(): Promise<Model>; copies: VllmCopies }

export class ServedModel implements Model {
  readonly folder: string
  readonly threads: number
  readonly device: Device
  private readonly placeOf: (folder: string) => ModelPlace
  private place: ModelPlace
  private held: Promise<Model> | null = null
  /** No folder holds what it was trained to; vLLM reads folders. */
  private isUnsaved = false

  /** @param placeOf a folder that this model was saved to. */
  constructor({ folder, threads, device }: Pick<Model, 'folder' | 'threads' | 'device'>, place: ModelPlace, placeOf: (folder: string) => ModelPlace) {
    this.folder = folder
    this.threads = threads
    this.device = device
    this.place = place
    this.placeOf = placeOf
  }

  async *serve(requests: SampleRequest[], settings: ServeSettings, signal?: AbortSignal): AsyncGenerator<ServedCompletion[]> {
    if (this.isUnsaved) throw new Error(`${this.folder}: expected weights that a folder holds, got trained ones; save them first`)
    await this.leaveWorker()
    yield* this.place.copies.serve(requests, settings, signal)
  }

  async *sample(requests: SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks?: SampleHooks): AsyncGenerator<SampledCompletion[]> {
    yield* (await this.inWorker()).sample(requests, settings, signal, hooks)
  }

  async score(rows: TokenRow[], signal?: AbortSignal): Promise<Float32Array[]> {
    return (await this.inWorker()).score(rows, signal)
  }

  async reward(rows: number[][], signal?: AbortSignal): Promise<Float64Array> {
    return (await this.inWorker()).reward(rows, signal)
  }

  async dpoGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig): ReturnType<Model['dpoGradients']> {
    return (await this.inWorker()).dpoGradients(pairs, reference, config)
  }

  async pairGradients(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, signal?: AbortSignal): Promise<PairGradients> {
    return (await this.inWorker()).pairGradients(pairs, reference, config, signal)
  }

  async trainDpo(pairs: TokenPair[], reference: ReferenceLogps, config: DpoConfig, hooks?: TrainHooks): Promise<void> {
    await (await this.forTraining()).trainDpo(pairs, reference, config, hooks)
  }

  async trainLanguageModel(rows: TokenSequence[], config: TrainConfig, hooks?: TrainHooks): Promise<void> {
    await (await this.forTraining()).trainLanguageModel(rows, config, hooks)
  }

  async trainReward(rows: RewardRow[], config: TrainConfig, hooks?: TrainHooks): Promise<void> {
    await (await this.forTraining()).trainReward(rows, config, hooks)
  }

  async save(folder: string, options?: SaveOptions): Promise<void> {
    await (await this.inWorker()).save(folder, options)
    // An adapter alone is not what is drawn from.
    if (!this.isUnsaved || !existsSync(join(folder, 'config.json'))) return
    this.place = this.placeOf(folder)
    this.isUnsaved = false
  }

  async dispose(): Promise<void> {
    await this.place.copies.close()
    await this.leaveWorker()
  }

  private async forTraining(): Promise<Model> {
    const model = await this.inWorker()
    this.isUnsaved = true
    return model
  }

  private async inWorker(): Promise<Model> {
    if (this.held) return this.held
    await this.place.copies.close()
    this.held = this.place.load()
    return this.held
  }

  private async leaveWorker(): Promise<void> {
    const { held } = this
    this.held = null
    await (await held?.catch(() => undefined))?.dispose()
  }
}
