/**
 * Iterative DPO (self-rewarding style): the policy's own samples, ranked by a reward.
 *   chosen   = the better of two unguided samples of the CURRENT policy
 *   rejected = the worse one
 *   each round starts from the previous round's policy
 */
import type { Method } from './lab.ts'
import { unguided } from './prompts.ts'
import { pairOf, trainRound, warmStart } from './steps.ts'

const REQUESTS_PER_PAIR = 1.6

export const iterativeDpo: Method = {
  source: 'arXiv 2312.16682 and 2401.10020 (self-rewarding); the DRIFT paper\'s baseline is not public',
  deviations: [
    'reward learned: a scalar head on the base, trained once on satisfied against dissatisfied logged replies',
    'reward verifiable: the task\'s own verifier, an upper bound, since it trains on what evaluation measures',
    'reward judge: a model at an endpoint gives each reply 1 to 10, once (self-rewarding: the policy itself, 0 to 5); a reply without a score drops its pair',
    'two samples of each request (self-rewarding: four, best against worst), of all logged requests, liked or not',
    'ties and identical samples are dropped, so up to 1.6 x pairs_per_round requests are sampled for one round (the fairness ledger shows it)',
    'the same warm start, loss, optimizer and reference as DRIFT, so that only the pairs differ',
  ],
  async run(lab, logs, recipe) {
    let policy = await warmStart(lab, logs, recipe)
    await lab.evaluate(0, policy, [])
    const rewardModel = await lab.trainReward('reward/train', lab.base, logs.satisfied, logs.dissatisfied)

    for (let round = 1; round <= recipe.iterations; round++) {
      const wanted = recipe.pairs_per_round
      const rows = lab.draw(`round-${round}`, logs.requests, wanted === null ? null : Math.ceil(wanted * REQUESTS_PER_PAIR))
      const samples = await lab.sample(`round-${round}/sample`, policy, rows.map(unguided), { ...recipe.sampling, n: 2 })
      const candidates = rows.flatMap((row, i) => samples[i]!.map((reply) => ({ row, reply })))
      const rewards = await lab.reward(`round-${round}/reward`, rewardModel, candidates)

      const pairs = rows.flatMap((row, i) => {
        const [a, b] = [samples[i]![0]!, samples[i]![1]!]
        const [ofA, ofB] = [rewards[2 * i]!, rewards[2 * i + 1]!]
        if (ofA === null || ofB === null || ofA === ofB || a === b) return []
        const [chosen, rejected] = ofA > ofB ? [a, b] : [b, a]
        return [pairOf(row, chosen, rejected, { round, policy, seed: recipe.seed })]
      })
      policy = await trainRound(lab, round, policy, wanted === null ? pairs : pairs.slice(0, wanted), recipe)
    }
    return policy
  },
}
