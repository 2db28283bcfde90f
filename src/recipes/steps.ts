/** What all recipes share: the warm start, the reference, the hold-out, a pair's form. Where pairs come from stays in each recipe. */
import type { FeedbackRow, Pair } from '../shared/types.ts'
import type { Recipe } from '../shared/recipe.ts'
import type { Lab, Logs, Policy } from './lab.ts'

/** DPO on DSAT→SAT pairs from the base (the paper: 3 epochs on 491 pairs). Without `warm_start` the base itself. */
export async function warmStart(lab: Lab, logs: Logs, recipe: Recipe): Promise<Policy> {
  if (recipe.warm_start === null) return lab.base
  const { num_train_epochs, learning_rate } = recipe.warm_start
  const training = { ...recipe.training, num_train_epochs, learning_rate: learning_rate ?? recipe.training.learning_rate }
  return lab.train('warm-start/train', lab.base, lab.base, logs.seedPairs, training)
}

/**
 * The prompt is the request WITHOUT the feedback: the policy learns to get it right the first time.
 * @param policy who wrote the fresh side.
 */
export function pairOf(row: FeedbackRow, chosen: string, rejected: string, { round, policy, seed }: { round: number; policy: Policy; seed: number }): Pair {
  const { prompt, task, conversationId, turnIndex, userFeedback } = row
  return { prompt, chosen, rejected, task, provenance: { conversationId, turnIndex, userFeedback, round, policy: policy.name, seed } }
}

/** Trains on all pairs but the first `holdout_pairs`; the frozen reference is the round's start (TRL's default) or the base. */
export async function trainRound(lab: Lab, round: number, start: Policy, pairs: Pair[], recipe: Recipe): Promise<Policy> {
  const reference = recipe.reference === 'base' ? lab.base : start
  const policy = await lab.train(`round-${round}/train`, start, reference, pairs.slice(recipe.holdout_pairs), recipe.training)
  await lab.evaluate(round, policy, pairs)
  return policy
}
