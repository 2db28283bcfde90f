import { standardDecoder } from './family.ts'
import type { Family } from './family.ts'

/** Llama 1 to 3.3 and what shares their layout (SmolLM2, TinyLlama, …). */
export const llama: Family = config => {
  const hasBias = config.raw.attention_bias === true
  return { ...standardDecoder(config), qkvBias: hasBias, outputBias: hasBias }
}
