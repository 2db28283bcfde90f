/**
 * Draws completions. The plan is fixed: requests are cut into batches of `batch_size` in their order, equal prompts
 * of a batch are computed once, rows that end leave the batch. A sample's random numbers come from its own seed.
 */
import type { SampledCompletion, SampleRequest, SampleSettings } from './engine.ts'
import { cacheWidth } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { packRows, RopeTables } from './packing.ts'
import type { PackedRow } from './packing.ts'
import { createRandom } from './rng.ts'
import { scoringBatches } from './score.ts'
import { emptyArrays } from './session.ts'
import type { Array32, DeviceFeeds, Feeds, GraphSession } from './session.ts'
import { drawToken, greedyToken, NucleusFinder } from './token-choice.ts'

/** What sampling needs of a model. */
export type Sampler = { config: DecoderConfig; weights: DeviceFeeds; prefill: GraphSession; decode: GraphSession }

/** One sequence being decoded; row r of the caches is `rows[r]`'s. */
type Row = { index: number; random: () => number; ids: number[]; length: number; entropy: number; logp: number }

/** @throws Error where settings or requests make no sense, before anything is computed. */
export function checkSampling(requests: readonly SampleRequest[], settings: SampleSettings, config: DecoderConfig): void {
  const { temperature, top_p: topP, max_new_tokens: maxNew, batch_size: batchSize } = settings
  if (!settings.greedy && !(temperature > 0 && Number.isFinite(temperature))) throw new Error(`temperature: expected a number above 0, got ${temperature}; for the likeliest token set greedy`)
  if (!(topP > 0 && topP <= 1)) throw new Error(`top_p: expected a number above 0 and at most 1, got ${topP}`)
  if (!Number.isInteger(maxNew) || maxNew < 1) throw new Error(`max_new_tokens: expected a whole number from 1, got ${maxNew}`)
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new Error(`batch_size: expected a whole number from 1, got ${batchSize}`)
  requests.forEach(({ promptIds }, i) => {
    if (promptIds.length === 0) throw new Error(`request ${i}: expected at least one prompt token, got none`)
    const length = promptIds.length + maxNew
    if (length > config.maxPositions) throw new Error(`request ${i}: expected prompt and max_new_tokens within ${config.maxPositions} tokens (max_position_embeddings), got ${promptIds.length} + ${maxNew} = ${length}; shorten the prompt or lower max_new_tokens`)
    const bad = promptIds.find(id => !Number.isInteger(id) || id < 0 || id >= config.vocabulary)
    if (bad !== undefined) throw new Error(`request ${i}: expected token ids below ${config.vocabulary} (vocab_size), got ${bad}; is it the model's own tokenizer?`)
  })
}

export async function* sample(sampler: Sampler, requests: readonly SampleRequest[], settings: SampleSettings, signal?: AbortSignal): AsyncGenerator<SampledCompletion[]> {
  checkSampling(requests, settings, sampler.config)
  const ropeTables = new RopeTables(sampler.config)
  const memory: CacheMemory = new Map()
  for (let from = 0; from < requests.length; from += settings.batch_size) {
    signal?.throwIfAborted()
    yield await sampleBatch(sampler, requests.slice(from, from + settings.batch_size), from, settings, ropeTables, memory, signal)
  }
}

async function sampleBatch(sampler: Sampler, requests: readonly SampleRequest[], firstIndex: number, settings: SampleSettings, ropeTables: RopeTables, memory: CacheMemory, signal: AbortSignal | undefined): Promise<SampledCompletion[]> {
  const { config } = sampler
  const done: SampledCompletion[] = []
  const rows: Row[] = requests.map(({ promptIds, seed }, i) => ({ index: firstIndex + i, random: createRandom(seed), ids: [], length: promptIds.length, entropy: 0, logp: 0 }))
  // The last token drawn is never fed back, so it needs no place in the cache.
  const capacity = Math.max(...rows.map(row => row.length)) + settings.max_new_tokens - 1
  const caches = new Caches(memory, config, rows.length, capacity)
  const chooser = new Chooser(config.vocabulary, settings)
  const rope = ropeTables.feeds(capacity + 1)
  await prefill(sampler, requests, rope, chooser, caches, (i, logps, probabilities) => chooser.choose(rows[i] as Row, logps, probabilities))
  const outputs = { logps: new Float32Array(rows.length * config.vocabulary), probabilities: new Float32Array(rows.length * config.vocabulary) }
  for (;;) {
    retire(rows, caches, settings, done)
    if (rows.length === 0) break
    signal?.throwIfAborted()
    const B = rows.length
    const dims = [B, config.vocabulary]
    const size = B * config.vocabulary
    const views = caches.views(B)
    await sampler.decode.run(
      {
        ...sampler.weights, ...rope, ...views.past,
        ids: { data: Int32Array.from(rows, row => row.ids.at(-1) ?? 0), dims: [B] },
        positions: { data: BigInt64Array.from(rows, row => BigInt(row.length)), dims: [B, 1] },
        lengths: { data: Int32Array.from(rows, row => row.length), dims: [B] },
        total: { data: Int32Array.of(Math.max(...rows.map(row => row.length)) + 1), dims: [] },
        inverseTemperature: chooser.inverseTemperature,
      },
      { ...views.present, logps: { data: outputs.logps.subarray(0, size), dims }, probabilities: { data: outputs.probabilities.subarray(0, size), dims } },
    )
    rows.forEach((row, r) => {
      row.length++
      chooser.choose(row, rowOf(outputs.logps, r, config.vocabulary), rowOf(outputs.probabilities, r, config.vocabulary))
    })
  }
  return done.sort((a, b) => a.index - b.index)
}

/** Computes each different prompt once; hands every request its first distribution and fills its row of the caches. */
async function prefill(sampler: Sampler, requests: readonly SampleRequest[], rope: Feeds, chooser: Chooser, caches: Caches, onRow: (request: number, logps: Float32Array, probabilities: Float32Array) => void): Promise<void> {
  const { config } = sampler
  const byPrompt = new Map<string, { row: PackedRow; requests: number[] }>()
  requests.forEach(({ promptIds }, i) => {
    const key = promptIds.join(' ')
    const known = byPrompt.get(key)
    if (known) known.requests.push(i)
    else byPrompt.set(key, { row: { ids: promptIds, trunk: promptIds.length, branches: [], predictions: [{ at: promptIds.length - 1, labels: [] }] }, requests: [i] })
  })
  const layers = Array.from({ length: config.layers }, (_, layer) => [`k.${layer}`, `v.${layer}`]).flat()
  for (const batch of scoringBatches([...byPrompt.values()], config)) {
    const { feeds } = packRows(batch.map(({ row }) => row), config, 0)
    const longest = Math.max(...batch.map(({ row }) => row.ids.length))
    const { logps, probabilities } = emptyArrays({ logps: [batch.length, config.vocabulary], probabilities: [batch.length, config.vocabulary] })
    const blocks = emptyArrays(Object.fromEntries(layers.map(name => [name, [batch.length, config.keyValueHeads, longest, config.headDim]])))
    await sampler.prefill.run({ ...sampler.weights, ...rope, ...feeds, inverseTemperature: chooser.inverseTemperature }, { ...blocks, logps, probabilities })
    batch.forEach(({ row, requests: indices }, b) => {
      for (const i of indices) {
        for (const [name, { data }] of Object.entries(blocks)) caches.fill(name, i, data, b, longest, row.ids.length)
        onRow(i, rowOf(logps.data, b, config.vocabulary), rowOf(probabilities.data, b, config.vocabulary))
      }
    })
  }
}

/** Moves ended rows to `done`; the last row takes an ended one's place. */
function retire(rows: Row[], caches: Caches, settings: SampleSettings, done: SampledCompletion[]): void {
  for (let r = rows.length - 1; r >= 0; r--) {
    const row = rows[r] as Row
    const isStop = settings.eosIds.includes(row.ids.at(-1) ?? -1)
    if (!isStop && row.ids.length < settings.max_new_tokens) continue
    done.push({ index: row.index, completionIds: row.ids, finishReason: isStop ? 'stop' : 'length', entropy: row.entropy / row.ids.length, logp: row.logp })
    const last = rows.pop() as Row
    if (last === row) continue
    rows[r] = last
    caches.move(rows.length, r, last.length)
  }
}

/** Appends a token to a row. */
class Chooser {
  readonly inverseTemperature: Array32
  private readonly inverse: number
  private readonly settings: SampleSettings
  private readonly finder = new NucleusFinder()
  private readonly vocabulary: number

  constructor(vocabulary: number, settings: SampleSettings) {
    this.vocabulary = vocabulary
    this.settings = settings
    this.inverse = settings.greedy ? 1 : 1 / settings.temperature
    this.inverseTemperature = { data: Float32Array.of(this.inverse), dims: [1] }
  }

  choose(row: Row, logps: Float32Array, probabilities: Float32Array): void {
    const { greedy, top_p: topP } = this.settings
    const { id, entropy } = greedy ? greedyToken(logps) : drawToken(logps, probabilities, this.inverse, topP, this.finder, row.random())
    const logp = logps[id]
    if (logp === undefined || !Number.isFinite(logp) || !Number.isFinite(entropy)) throw new Error(`request ${row.index}: expected finite log-probabilities of ${this.vocabulary} tokens, got ${logp}; the model's weights have diverged`)
    row.ids.push(id)
    row.entropy += entropy
    row.logp += logp
  }
}

/** Arrays `k.<layer>` and `v.<layer>` that outlive a batch. */
type CacheMemory = Map<string, Float32Array>

/** Keys and values of all layers, [rows, Hk, capacity, D] each, updated in place by the decode graph. */
class Caches {
  private readonly arrays: CacheMemory
  private readonly heads: number
  private readonly headDim: number
  private readonly width: number
  private readonly capacity: number

  constructor(memory: CacheMemory, config: DecoderConfig, rows: number, capacity: number) {
    this.arrays = memory
    this.heads = config.keyValueHeads
    this.headDim = config.headDim
    this.width = cacheWidth(config)
    this.capacity = capacity
    for (let layer = 0; layer < config.layers; layer++) {
      for (const name of [`k.${layer}`, `v.${layer}`]) {
        const size = rows * this.heads * capacity * this.width
        if ((memory.get(name)?.length ?? 0) < size) memory.set(name, new Float32Array(size))
      }
    }
  }

  /** Copies block b of prefilled [B, Hk, T, D] into a row. */
  fill(name: string, row: number, source: Float32Array, b: number, T: number, length: number): void {
    const target = this.arrays.get(name) as Float32Array
    for (let h = 0; h < this.heads; h++) {
      const from = (b * this.heads + h) * T * this.headDim
      const to = (row * this.heads + h) * this.capacity * this.width
      if (this.width === this.headDim) target.set(source.subarray(from, from + length * this.width), to)
      else for (let t = 0; t < length; t++) target.fill(0, to + t * this.width, to + (t + 1) * this.width).set(source.subarray(from + t * this.headDim, from + (t + 1) * this.headDim), to + t * this.width)
    }
  }

  move(from: number, to: number, length: number): void {
    const stride = this.capacity * this.width
    for (const array of this.arrays.values()) {
      for (let h = 0; h < this.heads; h++) {
        const start = (from * this.heads + h) * stride
        array.copyWithin((to * this.heads + h) * stride, start, start + length * this.width)
      }
    }
  }

  /** The first rows as inputs and, in the same memory, as outputs. */
  views(rows: number): { past: Feeds; present: Feeds } {
    const dims = [rows, this.heads, this.capacity, this.width]
    const entries = [...this.arrays].map(([name, array]) => [name, { data: array.subarray(0, rows * this.heads * this.capacity * this.width), dims }] as const)
    return { past: Object.fromEntries(entries.map(([name, view]) => [`past.${name}`, view])), present: Object.fromEntries(entries.map(([name, view]) => [`present.${name}`, view])) }
  }
}

function rowOf(values: Float32Array, row: number, width: number): Float32Array {
  return values.subarray(row * width, (row + 1) * width)
}
