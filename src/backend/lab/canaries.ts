/** The canary prompts: the same few, answered greedily while the policy trains. Nothing they do changes a number. */
import type { Model } from '../../engine/engine.ts'
import type { Canary } from '../../shared/monitors.ts'
import type { Recipe } from '../../shared/recipe.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Message } from '../../shared/types.ts'
import type { LabContext } from './context.ts'
import type { EvaluationData } from './evaluating.ts'
import { canary, CANARIES, probePairs } from './probing.ts'
import { drawBatch, fitPrompts } from './sampling.ts'

export type CanaryPrompt = readonly Message[]

/** Longer answers are cut: a step of training is not to wait for them. */
const MAX_NEW_TOKENS = 64

/** The recipe's own, else the prompts that the probe shows too; none without `canary_steps`. */
export function canaryPrompts({ canary_steps, canary_prompts: own }: Pick<Recipe, 'canary_steps' | 'canary_prompts'>, evaluations: readonly EvaluationData[]): CanaryPrompt[] {
  if (canary_steps === null) return []
  const found = own.length > 0 ? own.map((content): CanaryPrompt => [{ role: 'user', content }]) : (probePairs(evaluations)?.pairs ?? evaluations[0]?.prompts ?? []).slice(0, CANARIES).map(({ prompt }) => prompt)
  if (found.length === 0) throw new UsageError(`canary_steps ${canary_steps}: expected prompts to answer, got no canary_prompts and no evaluation to take them from; name some, or leave canary_steps out`)
  return found
}

/** @returns asked after each step of a stage: the answers where they are due, else null. */
export function canaryWatch(context: LabContext, stage: string, prompts: readonly CanaryPrompt[], steps: number): (model: Model, step: number) => Promise<Canary[] | null> {
  const { text, recipe: { canary_steps: every, sampling } } = context
  if (prompts.length === 0 || every === null) return async () => null
  const max_new_tokens = Math.min(sampling.max_new_tokens, MAX_NEW_TOKENS)
  const requests = fitPrompts(context, `${stage}, canary prompts`, prompts, { max_prompt_tokens: Infinity, max_new_tokens }).map((promptIds) => ({ promptIds, seed: 0 }))
  return async (model, step) => {
    if (step % every !== 0 && step !== steps) return null
    const replies = await drawBatch(text, model, requests, { temperature: 0, top_p: 1, max_new_tokens, batch_size: requests.length })
    return replies.map(({ text: reply }, i) => canary(prompts[i] ?? [], reply))
  }
}
