/**
 * Control arm: DRIFT whose chosen replies are frozen from round 0. "Dynamic" is DRIFT's claim: what is lost here is
 * due to sampling anew from the policy that is being trained.
 *   rejected = the logged reply the user disliked
 *   chosen   = a guided sample of the policy BEFORE round 1, the same in every round (DRIFT: of the current policy)
 */
import type { Method } from './lab.ts'
import { asReply, guided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const driftFrozen: Method = {
  source: 'control arm of DRIFT (arXiv 2510.02341), of this project\'s making',
  deviations: ['as DRIFT, but every row that any round draws is sampled once, before round 1; a row drawn again comes with the same chosen reply'],
  async run(lab, logs, recipe) {
    const start = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, start, [])

    const drawn = Array.from({ length: recipe.iterations }, (_, i) => lab.draw(`round-${i + 1}`, logs.dissatisfied, recipe.pairs_per_round))
    const once = [...new Set(drawn.flat())]
    const samples = await lab.sample('round-0/sample', start, once.map((row) => guided(row, recipe)), recipe.sampling)
    const chosenOf = new Map(once.map((row, i) => [row, samples[i]!]))

    let policy = start
    for (const [i, rows] of drawn.entries()) {
      const round = i + 1
      const pairs = rows.flatMap((row) => chosenOf.get(row)!.map((chosen) => pairOf(row, asReply(chosen, recipe), row.reply, { round, policy: start, seed: recipe.seed })))
      policy = await trainRound(lab, round, policy, pairs, recipe)
    }
    return policy
  },
}
