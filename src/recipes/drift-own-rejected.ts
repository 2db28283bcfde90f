/**
 * Control arm: guided chosen against the policy's own unguided sample. What is left of DRIFT's gain is that of the
 * guidance alone; what is lost is due to the disliked reply as rejected.
 *   rejected = an UNGUIDED sample of the current policy for the same request (DRIFT: the disliked reply)
 *   chosen   = a guided sample of the current policy
 */
import type { Method } from './lab.ts'
import { asReply, guided, unguided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const driftOwnRejected: Method = {
  source: 'control arm of DRIFT (arXiv 2510.02341), of this project\'s making',
  deviations: ['as DRIFT, but rejected is the policy\'s own unguided sample; equal samples are dropped; twice as many samples are drawn'],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])

    for (let round = 1; round <= recipe.iterations; round++) {
      const rows = lab.draw(`round-${round}`, logs.dissatisfied, recipe.pairs_per_round)
      const samples = await lab.sample(`round-${round}/sample`, policy, rows.map((row) => guided(row, recipe)), recipe.sampling)
      const own = await lab.sample(`round-${round}/sample-own`, policy, rows.map(unguided), recipe.sampling)
      const pairs = rows
        .flatMap((row, i) => samples[i]!.map((chosen, j) => pairOf(row, asReply(chosen, recipe), own[i]![j]!, { round, policy, seed: recipe.seed })))
        .filter(({ chosen, rejected }) => chosen !== rejected)
      policy = await trainRound(lab, round, policy, pairs, recipe)
    }
    return policy
  },
}
