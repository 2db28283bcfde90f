import { standardDecoder } from './family.ts'
import type { Family } from './family.ts'

/** Qwen3 (dense): RMSNorm on the heads of q and k, head_dim of its own. */
export const qwen3: Family = config => {
  const hasBias = config.raw.attention_bias === true
  return { ...standardDecoder(config), qkNorm: true, qkvBias: hasBias, outputBias: hasBias }
}
