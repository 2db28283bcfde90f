import { standardDecoder } from './family.ts'
import type { Family } from './family.ts'

/** Qwen2 and Qwen2.5: bias on q, k and v, whatever the configuration says of attention_bias. */
export const qwen2: Family = config => ({ ...standardDecoder(config), qkvBias: true })
