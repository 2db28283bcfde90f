/**
 * Draws completions by continuous batching: `batch_size` sequences are decoded together, one that ends makes room for
 * the next request in order. Which sequences share a step follows from requests and settings alone, so a call
 * repeated gives the same bits. A sample's random numbers come from its own seed; what stands beside it can change
 * its logits only by the order in which floating-point sums are taken (a few units in the last place, since other
 * batch sizes take other kernels), and so its tokens only where a draw falls that close to a border.
 */
import type { SampledCompletion, SampleHooks, SampleRequest, SampleSettings } from './engine.ts'
import { KeyValueCache } from './key-value-cache.ts'
import type { SavedRow } from './key-value-cache.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { RopeTables } from './packing.ts'
import { MismatchMeter } from './policy-mismatch.ts'
import { nextTokenArrays, nextTokenOf, prefill } from './prefill.ts'
import type { NextToken } from './prefill.ts'
import { createRandom } from './rng.ts'
import type { Sampler } from './sampler.ts'
import type { Array32, DeviceFeeds, Feeds } from './session.ts'
import { drawToken, greedyToken, Penalty, TokenFilter } from './token-choice.ts'
import type { Filter } from './token-choice.ts'

/** One sequence being decoded; row r of the cache is `rows[r]`'s. `length`: tokens in the cache. */
type Row = { index: number; random: () => number; ids: number[]; length: number; entropy: number; logp: number; seen: Set<number> | undefined; isStopped: boolean }

/** Free places are filled when they are this share of the batch: reading a prompt costs as much as some steps. */
const REFILL_SHARE = 1 / 8

/** @throws Error where settings or requests make no sense, before anything is computed. */
export function checkSampling(requests: readonly SampleRequest[], settings: SampleSettings, config: DecoderConfig): void {
  const { temperature, top_p: topP, top_k: topK = 0, min_p: minP = 0, repetition_penalty: penalty = 1, max_new_tokens: maxNew, batch_size: batchSize } = settings
  if (!settings.greedy && !(temperature > 0 && Number.isFinite(temperature))) throw new Error(`temperature: expected a number above 0, got ${temperature}; for the likeliest token set greedy`)
  if (!(topP > 0 && topP <= 1)) throw new Error(`top_p: expected a number above 0 and at most 1, got ${topP}`)
  if (!Number.isInteger(topK) || topK < 0) throw new Error(`top_k: expected a whole number from 1, or 0 for all tokens, got ${topK}`)
  if (!(minP >= 0 && minP <= 1)) throw new Error(`min_p: expected a number from 0 to 1, got ${minP}`)
  if (!(penalty > 0 && Number.isFinite(penalty))) throw new Error(`repetition_penalty: expected a number above 0 (1 changes nothing), got ${penalty}`)
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

export async function* sample(sampler: Sampler, requests: readonly SampleRequest[], settings: SampleSettings, signal?: AbortSignal, hooks: SampleHooks = {}): AsyncGenerator<SampledCompletion[]> {
  checkSampling(requests, settings, sampler.config)
  if (requests.length === 0) return
  const meter = sampler.mode === 'int8' && hooks.onPolicyMismatch ? new MismatchMeter(sampler.config.vocabulary, requests.length, settings.max_new_tokens) : undefined
  const decoding = new Decoding(sampler, requests, settings, hooks, meter)
  const done: (SampledCompletion | undefined)[] = new Array<undefined>(requests.length).fill(undefined)
  let given = 0
  for (;;) {
    signal?.throwIfAborted()
    await decoding.admit()
    for (const completion of decoding.retire()) done[completion.index] = completion
    const ready: SampledCompletion[] = []
    for (let next = done[given]; next; next = done[++given]) ready.push(next)
    if (ready.length > 0) yield ready
    if (given === requests.length) break
    if (decoding.isRunning) await decoding.step()
  }
  if (meter) hooks.onPolicyMismatch?.(await meter.measure(sampler, requests, done as SampledCompletion[]))
}

/** The sequences of one call that are being decoded, and those that wait. */
class Decoding {
  private readonly sampler: Sampler
  private readonly requests: readonly SampleRequest[]
  private readonly settings: SampleSettings
  private readonly slots: number
  private readonly rows: Row[] = []
  private readonly cache: KeyValueCache
  private readonly chooser: Chooser
  private readonly rope: Feeds
  private readonly next: ReturnType<typeof nextTokenArrays>
  private readonly keys: string[]
  /** The prompt of the next waiting request, where it has been read already: several samples of it are spread over refills. */
  private kept: { key: string; row: SavedRow; next: NextToken } | undefined
  private readonly meter: MismatchMeter | undefined
  private admitted = 0

  constructor(sampler: Sampler, requests: readonly SampleRequest[], settings: SampleSettings, hooks: SampleHooks, meter: MismatchMeter | undefined) {
    this.sampler = sampler
    this.requests = requests
    this.settings = settings
    this.meter = meter
    this.slots = Math.min(settings.batch_size, requests.length)
    this.keys = requests.map(({ promptIds }) => promptIds.join(' '))
    // The last token drawn is never fed back, so it needs no place in the cache.
    const capacity = Math.max(...requests.map(({ promptIds }) => promptIds.length)) + settings.max_new_tokens - 1
    this.cache = new KeyValueCache(sampler.config, this.slots, capacity)
    this.chooser = new Chooser(sampler.config.vocabulary, settings, hooks)
    this.rope = new RopeTables(sampler.config).feeds(capacity + 1)
    this.next = nextTokenArrays(this.slots, sampler.config)
  }

  get isRunning(): boolean {
    return this.rows.length > 0
  }

  /** Gives free places to waiting requests and draws their first token. */
  async admit(): Promise<void> {
    const free = this.slots - this.rows.length
    const count = Math.min(free, this.requests.length - this.admitted)
    if (count === 0 || (this.rows.length > 0 && free < REFILL_SHARE * this.slots)) return
    const unread = new Map<string, { ids: readonly number[]; key: string; rows: number[] }>()
    for (let i = 0; i < count; i++) {
      const index = this.admitted++
      const { promptIds, seed } = this.requests[index] as SampleRequest
      const key = this.keys[index] as string
      const r = this.rows.push({ index, random: createRandom(seed), ids: [], length: promptIds.length, entropy: 0, logp: 0, seen: (this.settings.repetition_penalty ?? 1) === 1 ? undefined : new Set(promptIds), isStopped: false }) - 1
      const same = unread.get(key)
      if (this.kept?.key === key) {
        this.cache.restore(r, this.kept.row)
        this.chooser.choose(this.rows[r] as Row, this.kept.next)
      } else if (same) same.rows.push(r)
      else unread.set(key, { ids: promptIds, key, rows: [r] })
    }
    const coming = this.keys[this.admitted]
    if (this.kept?.key !== coming) this.kept = undefined
    const prompts = [...unread.values()]
    await prefill(this.sampler, prompts, this.rope, this.chooser.inverseTemperature, this.cache, (p, next) => {
      const { rows, ids, key } = prompts[p] as (typeof prompts)[number]
      for (const r of rows) this.chooser.choose(this.rows[r] as Row, next)
      if (key === coming) this.kept = { key, row: this.cache.save(rows[0] ?? 0, ids.length), next: { logits: next.logits.slice(), logps: next.logps.slice(), probabilities: next.probabilities.slice() } }
    })
  }

  /** Takes out what has ended; the last row takes an ended one's place. */
  retire(): SampledCompletion[] {
    const { rows, settings } = this
    const done: SampledCompletion[] = []
    for (let r = rows.length - 1; r >= 0; r--) {
      const row = rows[r] as Row
      if (!row.isStopped && row.ids.length < settings.max_new_tokens) continue
      done.push({ index: row.index, completionIds: row.ids, finishReason: row.isStopped ? 'stop' : 'length', entropy: row.entropy / row.ids.length, logp: row.logp })
      const last = rows.pop() as Row
      if (last === row) continue
      rows[r] = last
      this.cache.copy(rows.length, r, last.length)
    }
    return done
  }

  /** One token more for every row. */
  async step(): Promise<void> {
    const { rows, sampler } = this
    const B = rows.length
    const { past, present } = this.cache.views(B)
    const V = sampler.config.vocabulary
    const results = Object.fromEntries(Object.entries(this.next).map(([name, { data }]) => [name, { data: data.subarray(0, B * V), dims: [B, V] }]))
    const feeds: DeviceFeeds = {
      ...sampler.weights, ...this.rope, ...past,
      ids: { data: Int32Array.from(rows, row => row.ids.at(-1) ?? 0), dims: [B] },
      positions: { data: BigInt64Array.from(rows, row => BigInt(row.length)), dims: [B, 1] },
      lengths: { data: Int32Array.from(rows, row => row.length), dims: [B] },
      total: { data: Int32Array.of(Math.max(...rows.map(row => row.length)) + 1), dims: [] },
      inverseTemperature: this.chooser.inverseTemperature,
    }
    await (await sampler.decode()).run(feeds, { ...present, ...results })
    rows.forEach((row, r) => {
      row.length++
      const next = nextTokenOf(this.next, r, sampler.config)
      this.meter?.record(row.index, next.logps)
      this.chooser.choose(row, next)
    })
  }
}

/** Appends a token to a row. */
class Chooser {
  readonly inverseTemperature: Array32
  private readonly inverse: number
  private readonly settings: SampleSettings
  private readonly hooks: SampleHooks
  private readonly tokenFilter = new TokenFilter()
  private readonly filter: Filter
  private readonly penalty: Penalty
  private readonly vocabulary: number

  constructor(vocabulary: number, settings: SampleSettings, hooks: SampleHooks) {
    this.vocabulary = vocabulary
    this.settings = settings
    this.hooks = hooks
    this.inverse = settings.greedy ? 1 : 1 / settings.temperature
    this.inverseTemperature = { data: Float32Array.of(this.inverse), dims: [1] }
    this.filter = { top_k: settings.top_k ?? 0, top_p: settings.top_p, min_p: settings.min_p ?? 0 }
    this.penalty = new Penalty(vocabulary)
  }

  choose(row: Row, { logits, logps, probabilities }: NextToken): void {
    const { greedy, repetition_penalty: penalty = 1 } = this.settings
    const scored = row.seen ? this.penalty.apply(logits, row.seen, penalty, this.inverse) : { scores: logps, probabilities }
    const { id, entropy } = greedy ? greedyToken(scored.scores, scored.probabilities) : drawToken(scored.scores, scored.probabilities, this.inverse, this.filter, this.tokenFilter, row.random())
    const logp = logps[id]
    if (logp === undefined || !Number.isFinite(logp) || !Number.isFinite(entropy)) throw new Error(`request ${row.index}: expected finite log-probabilities of ${this.vocabulary} tokens, got ${logp}; the model's weights have diverged. Lower the learning rate`)
    row.ids.push(id)
    row.seen?.add(id)
    row.entropy += entropy
    row.logp += logp
    this.hooks.onToken?.(row.index, id)
    row.isStopped = this.settings.eosIds.includes(id) || (this.settings.stop?.(row.ids) ?? false)
  }
}
