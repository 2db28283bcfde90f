/**
 * Iterative DPO (self-rewarding style): the policy's own samples, ranked by a reward.
 *   chosen   = the better of two unguided samples of the CURRENT policy
 *   rejected = the worse one
 *   each round starts from the previous round's policy
 *
 * Departures and choices (the DRIFT paper's baseline code is not public; sources differ):
 * - reward `learned`: a scalar head on the base, trained once on satisfied against dissatisfied logged replies
 * - reward `verifiable`: the task's own verifier, an upper bound, since it trains on what evaluation measures
 * - requests are all logged ones, liked or not; ties and identical samples are dropped, so up to 1.6 x
 *   `pairs_per_round` requests are sampled for one round (the fairness ledger shows it)
 * - the same warm start, loss, optimizer and reference as DRIFT, so that only the pairs differ
 */
import type { Pair } from '../shared/types.ts'
import type { RunRecipe } from './lab.ts'
import { trainRound, warmStart } from './steps.ts'

const REQUESTS_PER_PAIR = 1.6

export const iterativeDpo: RunRecipe = async (lab, logs, recipe) => {
  let policy = await warmStart(lab, logs, recipe)
  await lab.evaluate(0, policy, [])
  const rewardModel = await lab.trainReward('reward/train', lab.base, logs.satisfied, logs.dissatisfied)

  for (let round = 1; round <= recipe.iterations; round++) {
    const wanted = recipe.pairs_per_round
    const rows = lab.draw(`round-${round}`, logs.requests, wanted === null ? null : Math.ceil(wanted * REQUESTS_PER_PAIR))
    const prompts = rows.map((row) => ({ messages: row.prompt, about: row }))
    const samples = await lab.sample(`round-${round}/sample`, policy, prompts, { ...recipe.sampling, n: 2 })
    const candidates = rows.flatMap((row, i) => samples[i]!.map((reply) => ({ row, reply })))
    const rewards = await lab.reward(`round-${round}/reward`, rewardModel, candidates)

    const pairs: Pair[] = rows.flatMap((row, i) => {
      const [a, b] = samples[i]!
      const difference = rewards[2 * i]! - rewards[2 * i + 1]!
      if (difference === 0 || a === b) return []
      const [chosen, rejected] = difference > 0 ? [a!, b!] : [b!, a!]
      return [{
        prompt: row.prompt,
        chosen,
        rejected,
        task: row.task,
        provenance: { conversationId: row.conversationId, turnIndex: row.turnIndex, userFeedback: row.userFeedback, round, policy: policy.name, seed: recipe.seed },
      }]
    })
    policy = await trainRound(lab, round, policy, wanted === null ? pairs : pairs.slice(0, wanted), recipe)
  }
  return policy
}
