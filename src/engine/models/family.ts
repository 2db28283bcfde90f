/** What a model family is: a function from config.json to the decoder's settings, refusing what it cannot do. */
import { InputError } from '../input-error.ts'
import type { ModelConfig } from '../model-folder.ts'
import type { DecoderConfig } from './decoder.ts'
import { inverseFrequencies } from './rope.ts'

export type Family = (config: ModelConfig) => DecoderConfig

/** A plain decoder of the sizes in config.json; families switch on what they add. */
export function standardDecoder(config: ModelConfig): DecoderConfig {
  rejectSettings(config, { hidden_act: ['silu'] })
  const layerTypes = config.raw.layer_types
  if (Array.isArray(layerTypes)) {
    const other: unknown = layerTypes.find(type => type !== 'full_attention')
    if (other !== undefined) throw unsupported('layer_types', 'only "full_attention"', other)
  }
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    epsilon: config.rms_norm_eps,
    qkvBias: false,
    outputBias: false,
    qkNorm: false,
    tied: config.tie_word_embeddings,
    frequencies: inverseFrequencies(config),
    maxPositions: config.max_position_embeddings,
  }
}

/** @throws InputError where a setting that changes results is present with a value not listed. */
export function rejectSettings(config: ModelConfig, allowed: Readonly<Record<string, readonly unknown[]>>): void {
  for (const [key, values] of Object.entries(allowed)) {
    const value = config.raw[key]
    if (value !== undefined && value !== null && !values.includes(value)) throw unsupported(key, values.map(item => JSON.stringify(item)).join(' or '), value)
  }
}

function unsupported(key: string, expected: string, got: unknown): InputError {
  return new InputError(`config.json: "${key}": expected ${expected}, got ${JSON.stringify(got)}; this model cannot be run here without changing its results`)
}
