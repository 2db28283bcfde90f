/**
 * Completions by vLLM, in processes beside the worker: copies of the model, each on GPUs of its own (data parallel), whose
 * layers may be shared by several GPUs (tensor parallel). Requests are dealt out as copies have room.
 */
import { resolve } from 'node:path'
import { readAdapterFolder } from '../adapter-folder.ts'
import type { Device } from '../device.ts'
import type { SampleRequest, ServedCompletion, ServeSettings } from '../engine.ts'
import { InputError } from '../input-error.ts'
import { readModelConfig } from '../model-folder.ts'
import { decoderConfig } from '../models/index.ts'
import { checkSampling } from '../sample.ts'
import { results } from './protocol.ts'
import { TorchWorker } from './worker.ts'
import type { WorkerLaunch } from './worker.ts'

/** How each copy is started, and what it holds. */
export type VllmPlan = { launches: readonly WorkerLaunch[]; folder: string; adapter?: string | undefined; device: Device; dtype: string; parallel: number }

type Copy = { worker: TorchWorker; running: number }

/** Requests that a copy holds at once: more than vLLM computes together, so that it never waits for the next. */
const HELD = 2048
/** Fewer than that are not worth a message. */
const FEWEST = 64

export class VllmCopies {
  private readonly plan: VllmPlan
  private started: { copies: Promise<Copy[]>; context: number } | null = null

  constructor(plan: VllmPlan) {
    this.plan = plan
  }

  /** In request order, as soon as all before them are there. Whatever ends it early ends the copies: their next start begins anew. */
  async *serve(requests: readonly SampleRequest[], settings: ServeSettings, signal?: AbortSignal): AsyncGenerator<ServedCompletion[]> {
    const config = readModelConfig(this.plan.folder)
    checkSampling(requests, { ...settings, batch_size: 1 }, decoderConfig(config))
    if (requests.length === 0) return
    const longest = requests.reduce((most, { promptIds }) => Math.max(most, promptIds.length), 0) + settings.max_new_tokens
    const copies = await this.start(Math.min(config.max_position_embeddings, longest))
    const done = new Map<number, ServedCompletion>()
    let isWhole = false
    try {
      for (let [given, told] = [0, 0]; told < requests.length; ) {
        signal?.throwIfAborted()
        await Promise.all(copies.map(async copy => {
          const take = Math.min(HELD - copy.running, Math.max(FEWEST, Math.ceil((requests.length - given) / (2 * copies.length))), requests.length - given)
          const from = given
          if (take > 0 && (take >= FEWEST || from + take === requests.length)) {
            given += take
            copy.running += take
            await copy.worker.request('add', { requests: requests.slice(from, from + take).map(({ promptIds, seed }, i) => ({ index: from + i, prompt: promptIds, seed })), settings: wireSettings(settings) }, results.nothing)
          }
          if (copy.running === 0) return
          for (const completion of await poll(copy, settings)) done.set(completion.index, completion)
        }))
        const ready: ServedCompletion[] = []
        for (let next = done.get(told); next !== undefined; next = done.get(told)) {
          ready.push(next)
          done.delete(told++)
        }
        if (ready.length > 0) yield ready
      }
      isWhole = true
    } finally {
      if (!isWhole) await this.close()
    }
  }

  /** Ends the processes, and with them what they hold on their GPUs. */
  async close(): Promise<void> {
    const { started } = this
    this.started = null
    const copies = await started?.copies.catch(() => [])
    await Promise.all((copies ?? []).map(({ worker }) => worker.end()))
  }

  /** @param context tokens of the longest sequence; copies that were started for less are started again. */
  private async start(context: number): Promise<Copy[]> {
    if (this.started && this.started.context < context) await this.close()
    this.started ??= { copies: this.open(context), context }
    try {
      return await this.started.copies
    } catch (error) {
      this.started = null
      throw error
    }
  }

  private async open(context: number): Promise<Copy[]> {
    const { launches, folder, adapter, device, dtype, parallel } = this.plan
    const rank = adapter === undefined ? 0 : rankOf(adapter, folder)
    const starts = await Promise.allSettled(launches.map(async (launch): Promise<Copy> => {
      const { worker } = await TorchWorker.start(launch)
      try {
        await worker.request('open', { folder: resolve(folder), adapter: adapter === undefined ? null : resolve(adapter), rank, device, dtype, parallel, context }, results.nothing)
        return { worker, running: 0 }
      } catch (error) {
        worker.stop()
        throw error
      }
    }))
    const failed = starts.find(start => start.status === 'rejected')
    const copies = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []))
    if (!failed) return copies
    await Promise.all(copies.map(({ worker }) => worker.end()))
    throw failed.reason
  }
}

async function poll(copy: Copy, { stop }: ServeSettings): Promise<ServedCompletion[]> {
  const { indices, ids, logps, stopped } = await copy.worker.request('poll', {}, results.poll)
  copy.running -= indices.length
  let place = 0
  return indices.map((index, i) => {
    const drawn = ids[i] ?? []
    const own = logps.subarray(place, place + drawn.length)
    place += drawn.length
    // Asked after each token, as where tokens are drawn one by one; what vLLM drew beyond is left out.
    const stopAt = stop ? drawn.findIndex((_, t) => stop(drawn.slice(0, t + 1))) : -1
    const length = stopAt < 0 ? drawn.length : stopAt + 1
    return { index, completionIds: drawn.slice(0, length), finishReason: stopped[i] || stopAt >= 0 ? 'stop' : 'length', logp: own.subarray(0, length).reduce((sum, logp) => sum + logp, 0) }
  })
}

const wireSettings = ({ temperature, top_p, top_k = 0, min_p = 0, repetition_penalty = 1, greedy, max_new_tokens, eosIds }: ServeSettings): Record<string, unknown> => ({ temperature, top_p, top_k, min_p, repetition_penalty, greedy, max_new_tokens, eosIds })

function rankOf(adapter: string, folder: string): number {
  const config = readModelConfig(folder)
  const { lowRank } = readAdapterFolder(resolve(adapter), { folder, modelType: config.model_type, decoder: decoderConfig(config) })
  return lowRank.rank
}

/**
 * A process for each copy: the run's processes on this machine, `parallel` of them for a copy.
 * @param launch of one process. @throws InputError where they do not come out even.
 */
export function vllmLaunches(launch: WorkerLaunch, { processes, parallel, device }: { processes: number; parallel: number; device: Device }): WorkerLaunch[] {
  if (processes % parallel !== 0) throw new InputError(`vllm_tensor_parallel_size: expected a divisor of the ${processes} processes of this machine (num_processes), got ${parallel}; change one of them`)
  const gpus = launch.env['CUDA_VISIBLE_DEVICES']?.split(',').map(name => name.trim()) ?? Array.from({ length: processes }, (_, i) => String(i))
  return Array.from({ length: processes / parallel }, (_, copy) => ({
    ...launch,
    env: { ...launch.env, ...(device === 'cuda' && { CUDA_VISIBLE_DEVICES: gpus.slice(copy * parallel, (copy + 1) * parallel).join(',') }) },
  }))
}
