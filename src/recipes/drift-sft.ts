/**
 * Control arm: supervised fine-tuning on DRIFT's guided samples. What is left of DRIFT's gain is that of imitating
 * better replies; what is lost is due to the contrast with the disliked one.
 *   trained on = a guided sample of the current policy (DRIFT: preferred to the disliked reply)
 */
import type { Method } from './lab.ts'
import { asReply, guided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

export const driftSft: Method = {
  source: 'control arm of DRIFT (arXiv 2510.02341), of this project\'s making',
  deviations: ['as DRIFT, but rounds train with loss_type sft on the chosen side alone, at full weight: the learning rate wants a sweep of its own', 'the warm start stays DPO, so that all arms start from the same policy'],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])

    const training = { ...recipe.training, loss_type: ['sft' as const], loss_weights: null }
    for (let round = 1; round <= recipe.iterations; round++) {
      const rows = lab.draw(`round-${round}`, logs.dissatisfied, recipe.pairs_per_round)
      const samples = await lab.sample(`round-${round}/sample`, policy, rows.map((row) => guided(row, recipe)), recipe.sampling)
      const pairs = rows.flatMap((row, i) => samples[i]!.map((chosen) => pairOf(row, asReply(chosen, recipe), row.reply, { round, policy, seed: recipe.seed })))
      policy = await trainRound(lab, round, policy, pairs, { ...recipe, training })
    }
    return policy
  },
}
