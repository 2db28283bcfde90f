/** Settings and estimate of the LLM judge, as they cross the contract. */
import { z } from 'zod'

export const judgeSettingsSchema = z.object({
  /** OpenAI-compatible, with the version: http://127.0.0.1:8000/v1. Empty until it is set. */
  baseUrl: z.string(),
  model: z.string(),
  rubric: z.string(),
  /** Requests at once. */
  concurrency: z.int().min(1).max(64),
  /** Per million tokens, in whatever currency the endpoint bills; null where nothing is billed or it is not known. */
  promptPrice: z.number().min(0).nullable(),
  completionPrice: z.number().min(0).nullable(),
})
export type JudgeSettings = z.infer<typeof judgeSettingsSchema>

export type JudgeEstimate = {
  turns: number
  /** Of the turns, those that need no call: in the cache, or where there are many turns, judged already. */
  cached: number
  promptTokens: number
  completionTokens: number
  /** In the currency of the prices; null without prices. */
  cost: number | null
  /** From the last run's mean; null before any. */
  seconds: number | null
}
