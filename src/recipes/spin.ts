/**
 * SPIN: Self-Play Fine-Tuning, read for deployment logs.
 *   chosen   = the logged reply the user was satisfied with
 *   rejected = an unguided sample of the CURRENT policy for the same request
 *   each round starts from the previous round's policy
 * With `mix_previous` a round trains on the previous round's pairs too, as the public configurations do.
 */
import type { Pair } from '../shared/types.ts'
import type { Method } from './lab.ts'
import { unguided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const spin: Method = {
  source: 'arXiv 2401.01335 and its code, uclaml/SPIN',
  deviations: [
    'chosen are satisfied replies of the logs, not a curated SFT set; few rows are drawn again when pairs_per_round asks for more',
    'the same warm start, loss, optimizer, epochs and reference as DRIFT, so that only the pairs differ (there: the SPIN loss alone, 3 epochs, max_length 1,024)',
    'the previous round\'s pairs are mixed in with mix_previous: true alone (there: from the second iteration on, one to one)',
    'a sample equal to the satisfied reply is dropped, because both sides of its loss cancel',
  ],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])

    let previous: Pair[] = []
    for (let round = 1; round <= recipe.iterations; round++) {
      const rows = lab.draw(`round-${round}`, logs.satisfied, recipe.pairs_per_round)
      const samples = await lab.sample(`round-${round}/sample`, policy, rows.map(unguided), recipe.sampling)
      const fresh = rows.flatMap((row, i) => samples[i]!.filter((rejected) => rejected !== row.reply).map((rejected) => pairOf(row, row.reply, rejected, { round, policy, seed: recipe.seed })))
      policy = await trainRound(lab, round, policy, [...fresh, ...previous], recipe)
      if (recipe.mix_previous) previous = fresh.slice(recipe.holdout_pairs)
    }
    return policy
  },
}
