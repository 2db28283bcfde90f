/** Writes a small model with seeded random weights, so that tests need no files from elsewhere. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseModelConfig } from '../../src/engine/model-folder.ts'
import { expectedWeights } from '../../src/engine/models/decoder.ts'
import { decoderConfig } from '../../src/engine/models/index.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { writeSafetensors } from '../../src/engine/safetensors.ts'

/** Two layers, grouped-query attention, untied head. */
export const SMALL_LLAMA = {
  model_type: 'llama', vocab_size: 61, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 48, rms_norm_eps: 1e-5,
  max_position_embeddings: 128, tie_word_embeddings: false, rope_theta: 10000, hidden_act: 'silu', bos_token_id: 1, eos_token_id: 2, pad_token_id: 0,
}

/** @param scale standard deviation of the weights (uniform); norms are near 1. */
export function writeRandomModel(changes: Record<string, unknown> = {}, seed = 1, scale = 0.25): string {
  const folder = mkdtempSync(join(tmpdir(), 'drift-model-'))
  const raw = { ...SMALL_LLAMA, ...changes }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(raw))
  const random = createRandom(seed)
  const uniform = (): number => (random() - 0.5) * scale * Math.sqrt(12)
  const tensors = expectedWeights(decoderConfig(parseModelConfig(raw, 'test'))).map(({ name, shape }) => ({
    name,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (name.includes('norm') ? 1 + uniform() / 2 : uniform())),
  }))
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}
