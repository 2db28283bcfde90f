/**
 * Control arm: DRIFT without the user's words. What is left of DRIFT's gain is that of a fresh sample against a
 * disliked reply; what is lost is due to the feedback.
 *   rejected = the logged reply the user disliked
 *   chosen   = an UNGUIDED sample of the current policy (DRIFT: guided)
 */
import type { Method } from './lab.ts'
import { unguided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const driftUnguided: Method = {
  source: 'control arm of DRIFT (arXiv 2510.02341), of this project\'s making',
  deviations: ['as DRIFT, but the policy sees the request alone when it samples; prompt_style and without_feedback have no effect'],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])

    for (let round = 1; round <= recipe.iterations; round++) {
      const rows = lab.draw(`round-${round}`, logs.dissatisfied, recipe.pairs_per_round)
      const samples = await lab.sample(`round-${round}/sample`, policy, rows.map(unguided), recipe.sampling)
      const pairs = rows.flatMap((row, i) => samples[i]!.map((chosen) => pairOf(row, chosen, row.reply, { round, policy, seed: recipe.seed })))
      policy = await trainRound(lab, round, policy, pairs, recipe)
    }
    return policy
  },
}
