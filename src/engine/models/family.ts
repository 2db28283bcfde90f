/**
 * What a model family is: a function from config.json to the decoder's settings. Values that no family here
 * can run are refused before (`config-keys.ts`). How to add one: docs/engine/adding-a-family.md.
 */
import type { ModelConfig } from '../model-config.ts'
import type { DecoderConfig } from './decoder.ts'
import { inverseFrequencies } from './rope.ts'

export type Family = (config: ModelConfig) => DecoderConfig

/** A plain decoder of the sizes in config.json; families switch on what they add. */
export function standardDecoder(config: ModelConfig): DecoderConfig {
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
