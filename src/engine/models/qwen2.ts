import { rejectSettings, standardDecoder } from './family.ts'
import type { Family } from './family.ts'

/** Qwen2 and Qwen2.5: bias on q, k and v. */
export const qwen2: Family = config => {
  rejectSettings(config, { use_sliding_window: [false] })
  return { ...standardDecoder(config), qkvBias: true }
}
