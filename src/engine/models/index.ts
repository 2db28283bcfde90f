import type { ModelConfig } from '../model-config.ts'
import type { DecoderConfig } from './decoder.ts'
import type { Family } from './family.ts'
import { llama } from './llama.ts'
import { qwen2 } from './qwen2.ts'
import { qwen3 } from './qwen3.ts'

const FAMILIES: Record<ModelConfig['model_type'], Family> = { llama, qwen2, qwen3 }

/** The decoder that a config.json describes. @throws InputError naming a setting that is not supported. */
export function decoderConfig(config: ModelConfig): DecoderConfig {
  return FAMILIES[config.model_type](config)
}
