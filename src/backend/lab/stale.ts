/** How far the policy has moved from the chosen replies that it drew itself: what they were sampled from is no longer what trains. */
import { makeRng } from '../../core/rng.ts'
import type { TokenRow } from '../../engine/engine.ts'
import type { SamplePrompt } from '../../recipes/lab.ts'
import type { Pair } from '../../shared/types.ts'
import { readStoredSamples } from '../storage/run-stages.ts'
import type { LabContext } from './context.ts'
import { fitPrompt } from './text.ts'

/** A `sample` stage, with what it was asked. */
export type Drawn = { stage: string; prompts: readonly SamplePrompt[]; n: number }
/** A sampled reply that became a chosen one: the prompt it was drawn from, and log π of it then, summed over its tokens. */
export type ChosenSample = TokenRow & { logp: number }

/** Of a round's chosen samples so many are scored again, drawn by place alone: a monitor must stay cheap. */
const MOST = 32

const keyOf = (conversationId: string | null, reply: string): string => `${conversationId}\n${reply.trim()}`

/** None where chosen replies come from the logs (SPIN). */
export function chosenSamples({ workspace: { db }, lease: { runId }, text, recipe: { sampling } }: LabContext, drawn: readonly Drawn[], pairs: readonly Pair[]): ChosenSample[] {
  const chosen = new Set(pairs.map(({ provenance, chosen: reply }) => keyOf(provenance.conversationId, reply)))
  const own = drawn.flatMap(({ stage, prompts, n }) => readStoredSamples(db, runId, stage).flatMap(({ conversationId, text: reply, completionIds, logp }, i) => {
    const prompt = prompts[Math.floor(i / n)]
    return prompt !== undefined && chosen.has(keyOf(conversationId, reply)) ? [{ prompt, completionIds, logp }] : []
  }))
  const limit = Math.min(sampling.max_prompt_tokens, text.context - sampling.max_new_tokens)
  return makeRng('stale').shuffled(own).slice(0, MOST).map(({ prompt, completionIds, logp }) => ({ promptIds: fitPrompt(prompt.messages, limit, text.renderer).ids, completionIds, logp }))
}
