/**
 * DRIFT: Dissatisfaction-Refined Iterative preference Training (arXiv 2510.02341).
 *   rejected = the logged reply the user disliked
 *   chosen   = a fresh sample from the CURRENT policy, shown the disliked reply and the user's words
 *   each round starts from the previous round's policy
 *
 * Departures from the public code (cacayaya/DRIFT), each a choice it leaves open or we could not keep:
 * - the feedback is a chat turn by default; `prompt_style: paper` writes its raw "User:/Assistant:" text
 * - a prompt too long is cut so that the instruction survives, and the cut is reported (there it may be lost)
 * - replies are cut by token count, never by searching the text for "Assistant:"
 * - which frozen policy is the reference is not stated there: `reference` says it (default: the round's start)
 * - `pairs_per_round` may draw fewer rows than all of them, anew each round
 */
import type { Pair } from '../shared/types.ts'
import type { RunRecipe } from './lab.ts'
import { promptWithFeedback } from './prompts.ts'
import { trainRound, warmStart } from './steps.ts'

export const drift: RunRecipe = async (lab, logs, recipe) => {
  let policy = await warmStart(lab, logs, recipe)
  await lab.evaluate(0, policy, [])

  for (let round = 1; round <= recipe.iterations; round++) {
    const rows = lab.draw(`round-${round}`, logs.dissatisfied, recipe.pairs_per_round)
    const prompts = rows.map((row) => ({ messages: promptWithFeedback(row, recipe), about: row }))
    const samples = await lab.sample(`round-${round}/sample`, policy, prompts, recipe.sampling)

    // The pair's prompt is the request WITHOUT the feedback: the policy learns to get it right the first time.
    const pairs: Pair[] = rows.flatMap((row, i) =>
      samples[i]!.map((chosen) => ({
        prompt: row.prompt,
        chosen,
        rejected: row.reply,
        task: row.task,
        provenance: { conversationId: row.conversationId, turnIndex: row.turnIndex, userFeedback: row.userFeedback, round, policy: policy.name, seed: recipe.seed },
      })),
    )
    policy = await trainRound(lab, round, policy, pairs, recipe)
  }
  return policy
}
