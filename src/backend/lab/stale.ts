/** How far the policy has moved from replies that it drew itself: what they were sampled from is no longer what trains. */
import { makeRng } from '../../core/rng.ts'
import type { TokenRow } from '../../engine/engine.ts'
import type { Policy, SamplePrompt } from '../../recipes/lab.ts'
import type { FeedbackRow, Pair } from '../../shared/types.ts'
import { readStoredSamples, type StoredSample } from '../storage/run-stages.ts'
import type { LabContext } from './context.ts'
import { scoreReplies } from './scores.ts'
import { fitPrompt } from './text.ts'

/** Replies of a `sample` stage to one row: `n` of them from place `first` on. */
type Place = { stage: string; first: number; n: number; by: Policy }
/** What earlier rounds drew, for each prompt of a round; null where they drew nothing. */
export type Earlier = { staleBeyond: number; drawn: ({ by: Policy; samples: StoredSample[] } | null)[] }

/** What a run has drawn, by row. Filled anew by every replay, in the same order. */
export class DrawnReplies {
  private readonly latest = new Map<FeedbackRow, Place>()
  /** All stages that drew, with what they were asked. */
  private readonly stages: { stage: string; by: Policy; prompts: readonly SamplePrompt[]; n: number }[] = []

  /** @param prompts those that were drawn for, in their order. */
  add(stage: string, by: Policy, prompts: readonly SamplePrompt[], n: number): void {
    this.stages.push({ stage, by, prompts, n })
    prompts.forEach(({ about }, i) => this.latest.set(about, { stage, first: i * n, n, by }))
  }

  /** The latest replies to each prompt's row. */
  earlier({ workspace: { db }, lease: { runId } }: LabContext, prompts: readonly SamplePrompt[]): Earlier['drawn'] {
    const stored = new Map<string, StoredSample[]>()
    return prompts.map(({ about }) => {
      const place = this.latest.get(about)
      if (place === undefined) return null
      const { stage, first, n, by } = place
      const of = stored.get(stage) ?? readStoredSamples(db, runId, stage)
      stored.set(stage, of)
      return { by, samples: of.slice(first, first + n) }
    })
  }

  /** Samples that became chosen replies of `pairs`, at most so many; none where chosen replies come from the logs (SPIN). */
  chosen({ workspace: { db }, lease: { runId }, text, recipe: { sampling } }: LabContext, pairs: readonly Pair[]): ChosenSample[] {
    const keys = new Set(pairs.map(({ provenance: { policy, conversationId }, chosen }) => keyOf(policy, conversationId, chosen)))
    const writers = new Set(pairs.map(({ provenance }) => provenance.policy))
    const own = this.stages.filter(({ by }) => writers.has(by.name)).flatMap(({ stage, by, prompts, n }) => readStoredSamples(db, runId, stage).flatMap(({ conversationId, text: reply, completionIds, logp }, i) => {
      const prompt = prompts[Math.floor(i / n)]
      return prompt !== undefined && keys.has(keyOf(by.name, conversationId, reply)) ? [{ prompt, completionIds, logp }] : []
    }))
    const limit = Math.min(sampling.max_prompt_tokens, text.context - sampling.max_new_tokens)
    return makeRng('stale').shuffled(own).slice(0, MOST).map(({ prompt, completionIds, logp }) => ({ promptIds: fitPrompt(prompt.messages, limit, text.renderer, sampling.truncation_side).ids, completionIds, logp }))
  }
}

/** A sampled reply that became a chosen one: the prompt it was drawn from, and log π of it then, summed over its tokens. */
export type ChosenSample = TokenRow & { logp: number }

/** Of a round's chosen samples so many are scored again, drawn by place alone: a monitor must stay cheap. */
const MOST = 32

const keyOf = (policy: string | null, conversationId: string | null, reply: string): string => `${policy}\n${conversationId}\n${reply.trim()}`

/** Nats per token by which log π of a reply has changed since it was drawn; `now` and `logp` are summed over its tokens. */
export const natsMoved = (now: number, { completionIds, logp }: { completionIds: readonly number[]; logp: number }): number => (now - logp) / completionIds.length

/**
 * Of each prompt's earlier replies the largest move, without its sign; null where there are none.
 * @param promptIds of all prompts, as they were then.
 * @param onChunk told how many replies are scored.
 */
export async function largestMoves(context: LabContext, policy: Policy, { drawn }: Earlier, promptIds: readonly number[][], onChunk: (done: number) => void): Promise<(number | null)[]> {
  const replies = drawn.flatMap((one, prompt) => (one?.samples ?? []).map((sample) => ({ prompt, sample })))
  const now = await scoreReplies(context, policy, replies.map(({ prompt, sample }) => ({ promptIds: promptIds[prompt]!, completionIds: sample.completionIds })), onChunk)
  const largest = drawn.map((): number | null => null)
  replies.forEach(({ prompt, sample }, i) => (largest[prompt] = Math.max(largest[prompt] ?? 0, Math.abs(natsMoved(now[i]!, sample)))))
  return largest
}
