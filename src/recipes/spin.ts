/**
 * SPIN: Self-Play Fine-Tuning (arXiv 2401.01335), read for deployment logs.
 *   chosen   = the logged reply the user was satisfied with
 *   rejected = an unguided sample of the CURRENT policy for the same request
 *   each round starts from the previous round's policy
 *
 * Departures from the public code (uclaml/SPIN) and the DRIFT paper's baseline, whose code is not public:
 * - chosen are satisfied replies of the logs, not a curated SFT set; few rows are drawn again when `pairs_per_round` asks for more
 * - the same warm start, loss, optimizer and reference as DRIFT, so that only the pairs differ
 * - no data mixing between iterations (the authors mix in the previous round's pairs)
 */
import type { Pair } from '../shared/types.ts'
import type { RunRecipe } from './lab.ts'
import { trainRound, warmStart } from './steps.ts'

export const spin: RunRecipe = async (lab, logs, recipe) => {
  let policy = await warmStart(lab, logs, recipe)
  await lab.evaluate(0, policy, [])

  for (let round = 1; round <= recipe.iterations; round++) {
    const rows = lab.draw(`round-${round}`, logs.satisfied, recipe.pairs_per_round)
    const prompts = rows.map((row) => ({ messages: row.prompt, about: row }))
    const samples = await lab.sample(`round-${round}/sample`, policy, prompts, recipe.sampling)

    // A sample equal to the satisfied reply teaches nothing: both sides of the loss cancel.
    const pairs: Pair[] = rows.flatMap((row, i) =>
      samples[i]!.filter((rejected) => rejected !== row.reply).map((rejected) => ({
        prompt: row.prompt,
        chosen: row.reply,
        rejected,
        task: row.task,
        provenance: { conversationId: row.conversationId, turnIndex: row.turnIndex, userFeedback: row.userFeedback, round, policy: policy.name, seed: recipe.seed },
      })),
    )
    policy = await trainRound(lab, round, policy, pairs, recipe)
  }
  return policy
}
