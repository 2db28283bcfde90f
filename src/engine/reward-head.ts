/** The scalar head that turns a language model into a reward model, the same on every engine. */
import type { ModelConfig } from './model-config.ts'
import { REWARD_HEAD } from './models/decoder.ts'
import { createRandom } from './rng.ts'
import type { Tensor } from './safetensors.ts'

/** Normally distributed as Transformers initialises a new head. */
export function newRewardHead({ raw, hidden_size: hidden }: ModelConfig, seed: number): Tensor {
  const deviation = typeof raw.initializer_range === 'number' ? raw.initializer_range : 0.02
  const random = createRandom(seed)
  // Box-Muller; 1 - random() is never 0.
  const data = Float32Array.from({ length: hidden }, () => deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
  return { name: REWARD_HEAD, shape: [1, hidden], data }
}

/** What AutoModelForSequenceClassification reads in config.json. */
export function classifierConfig(config: ModelConfig): Record<string, unknown> {
  const architectures = { llama: 'LlamaForSequenceClassification', qwen2: 'Qwen2ForSequenceClassification', qwen3: 'Qwen3ForSequenceClassification' }
  return { architectures: [architectures[config.model_type]], id2label: { 0: 'reward' }, label2id: { reward: 0 }, pad_token_id: config.pad_token_id ?? config.bos_token_id ?? 0 }
}
