/** Random architectures and ragged data for the engine's property tests: small in width, of every kind in structure. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createAdapter, writeAdapterFolder } from '../../src/engine/adapter-folder.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, Model, TokenPair } from '../../src/engine/engine.ts'
import { readModelConfig } from '../../src/engine/model-folder.ts'
import type { DecoderConfig } from '../../src/engine/models/decoder.ts'
import { decoderConfig } from '../../src/engine/models/index.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { readSafetensors } from '../../src/engine/safetensors.ts'
import type { Tensor } from '../../src/engine/safetensors.ts'
import { writeRandomModel } from '../reference/random-model.ts'
import { DPO } from '../reference/train-config.ts'
import { ropeFrequencies } from './float64-decoder.ts'
import type { Float64Model, Rope } from './float64-decoder.ts'

export const VOCABULARY = 47

/** One seed for all: a failure names the case, and the case comes back. Without shrinking: each try opens a model. */
export const FIXED = { seed: 20_251_004, endOnFailure: true } as const

export type Architecture = {
  family: 'llama' | 'qwen2' | 'qwen3'
  layers: number
  keyValueHeads: number
  groups: number
  headDim: number
  hidden: number
  intermediate: number
  isTied: boolean
  hasBias: boolean
  rope: Rope
  seed: number
}

const rope: fc.Arbitrary<Rope> = fc.oneof(
  fc.record({ theta: fc.constantFrom(100, 10_000, 500_000), type: fc.constant('default' as const) }),
  fc.record({ theta: fc.constant(10_000), type: fc.constant('linear' as const), factor: fc.constantFrom(2, 3.5) }),
  fc.record({ theta: fc.constant(500_000), type: fc.constant('llama3' as const), factor: fc.constantFrom(8, 32), low_freq_factor: fc.constant(1), high_freq_factor: fc.constant(4), original_max_position_embeddings: fc.constantFrom(16, 256) }),
)

export const architecture: fc.Arbitrary<Architecture> = fc.record({
  family: fc.constantFrom('llama' as const, 'qwen2' as const, 'qwen3' as const),
  layers: fc.integer({ min: 1, max: 3 }),
  keyValueHeads: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(2, 4, 6, 8, 10, 16),
  hidden: fc.integer({ min: 6, max: 32 }),
  intermediate: fc.integer({ min: 5, max: 40 }),
  isTied: fc.boolean(),
  hasBias: fc.boolean(),
  rope,
  seed: fc.nat(1e6),
})

/** Mostly short, sometimes of any length up to `max`. */
export function lengthUpTo(max: number): fc.Arbitrary<number> {
  return fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: Math.min(max, 8) }) }, { weight: 3, arbitrary: fc.integer({ min: 1, max: Math.min(max, 60) }) }, { weight: 1, arbitrary: fc.integer({ min: 1, max }) })
}

/** Lengths of a pair's parts; `isRepeated` takes the prompt of the pair before. */
export type PairShape = { prompt: number; chosen: number; rejected: number; isRepeated: boolean }

export function pairShapes(max: { pairs: number; prompt: number; completion: number }): fc.Arbitrary<PairShape[]> {
  const shape = fc.record({ prompt: lengthUpTo(max.prompt), chosen: lengthUpTo(max.completion), rejected: lengthUpTo(max.completion), isRepeated: fc.boolean() })
  // Arrays of fast-check are mostly short: the number is drawn first, so that all are as likely.
  return fc.integer({ min: 1, max: max.pairs }).chain(count => fc.array(shape, { minLength: count, maxLength: count }))
}

export function randomIds(random: () => number, length: number): number[] {
  return Array.from({ length }, () => Math.floor(random() * VOCABULARY))
}

export function pairsOf(shapes: readonly PairShape[], seed: number): TokenPair[] {
  const random = createRandom(seed, 7)
  let prompt: number[] = []
  return shapes.map(({ prompt: length, chosen, rejected, isRepeated }) => {
    if (!isRepeated || prompt.length === 0) prompt = randomIds(random, length)
    return { promptIds: prompt, chosenIds: randomIds(random, chosen), rejectedIds: randomIds(random, rejected) }
  })
}

/** Reference log-probabilities about as a random model has them, so that no loss is flat. */
export function referenceOf(pairs: readonly TokenPair[], seed: number): { chosen: Float64Array; rejected: Float64Array } {
  const random = createRandom(seed, 11)
  const side = (ids: (pair: TokenPair) => number[]): Float64Array => Float64Array.from(pairs, pair => -Math.log(VOCABULARY) * ids(pair).length + 4 * (random() - 0.5))
  return { chosen: side(pair => pair.chosenIds), rejected: side(pair => pair.rejectedIds) }
}

const LOSSES = ['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'] as const

/** Any mixture of losses. @param isPerPair leaves out sft, a mean over tokens instead of pairs. */
export function dpoConfig(isPerPair: boolean): fc.Arbitrary<DpoConfig> {
  const names = LOSSES.filter(name => !(isPerPair && name === 'sft'))
  return fc.record({ losses: fc.subarray([...names], { minLength: 1, maxLength: 3 }), weight: fc.constantFrom(0.2, 1, 2), beta: fc.constantFrom(0.05, 0.3, 1), smoothing: fc.constantFrom(0, 0.1, 0.4) }).map(
    ({ losses, weight, beta, smoothing }) => ({ ...DPO, beta, loss_type: losses, loss_weights: losses.map((_, i) => (i === 0 ? 1 : weight)), label_smoothing: smoothing }),
  )
}

/** A folder with a model of the architecture and random weights. */
export function writeArchitecture({ family, rope: { theta, type, ...scaling }, ...sizes }: Architecture): string {
  return writeRandomModel({
    model_type: family, vocab_size: VOCABULARY, hidden_size: sizes.hidden, num_hidden_layers: sizes.layers, num_attention_heads: sizes.keyValueHeads * sizes.groups, num_key_value_heads: sizes.keyValueHeads,
    head_dim: sizes.headDim, intermediate_size: sizes.intermediate, tie_word_embeddings: sizes.isTied, max_position_embeddings: 4096, rope_theta: theta,
    ...(type !== 'default' && { rope_scaling: { rope_type: type, ...scaling } }), ...(family !== 'qwen2' && { attention_bias: sizes.hasBias }),
  }, sizes.seed)
}

/** Writes an adapter on all linear layers whose B is not zero, into the model's folder; returns its path and factor. */
export function writeRandomAdapter(folder: string, seed: number): { path: string; scale: number } {
  const config = readModelConfig(folder)
  const adapter = createAdapter({ r: 1 + (seed % 4), lora_alpha: 6, target_modules: 'all-linear', use_rslora: seed % 2 === 0, seed }, { folder, modelType: config.model_type, decoder: decoderConfig(config) })
  const random = createRandom(seed, 3)
  for (const { data } of adapter.tensors.values()) data.forEach((_, i) => (data[i] = 0.6 * (random() - 0.5)))
  const path = join(folder, 'adapter')
  writeAdapterFolder(path, adapter)
  return { path, scale: adapter.lowRank.scale }
}

/** The same weights for the float64 decoder; those of an adapter under the engine's names. */
export function float64Model(folder: string, { rope: turning, ...sizes }: Architecture, adapter?: { path: string; scale: number }): Float64Model {
  const stored = new Map<string, Tensor>(readSafetensors(join(folder, 'model.safetensors')))
  for (const [name, tensor] of adapter ? readSafetensors(join(adapter.path, 'adapter_model.safetensors')) : []) stored.set(name.replace('base_model.model.', ''), tensor)
  return {
    layers: sizes.layers, heads: sizes.keyValueHeads * sizes.groups, keyValueHeads: sizes.keyValueHeads, headDim: sizes.headDim, epsilon: 1e-5,
    frequencies: ropeFrequencies(sizes.headDim, turning), loraScale: adapter?.scale ?? 1, weights: new Map([...stored].map(([name, { data }]) => [name, Float64Array.from(data)])),
  }
}

/** Opens a model of the architecture for a while. */
export async function withModel(kind: Architecture, use: (model: Model, folder: string) => Promise<void>): Promise<void> {
  const folder = writeArchitecture(kind)
  const model = await embeddedEngine.load(folder)
  try {
    await use(model, folder)
  } finally {
    await model.dispose()
    rmSync(folder, { recursive: true })
  }
}

export function decoderOf(folder: string): DecoderConfig {
  return decoderConfig(readModelConfig(folder))
}

/** Largest difference of a tensor's gradient as a share of its largest entry (at least a thousandth of the largest of all). */
export function gradientError(got: ReadonlyMap<string, Float32Array>, wanted: ReadonlyMap<string, ArrayLike<number>>): { error: number; name: string } {
  const largest = (values: ArrayLike<number>): number => Array.from(values).reduce((top, value) => Math.max(top, Math.abs(value)), 0)
  const floor = [...wanted.values()].reduce((top, values) => Math.max(top, largest(values)), 0) * 1e-3
  let worst = { error: 0, name: '' }
  for (const [name, values] of wanted) {
    const difference = largest(Array.from(values, (value, i) => value - (got.get(name)?.[i] ?? NaN)))
    const error = Number.isNaN(difference) ? Infinity : difference / Math.max(largest(values), floor)
    if (error > worst.error) worst = { error, name }
  }
  return worst
}
