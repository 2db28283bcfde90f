/** Plain DPO on a fixed preference dataset; on the seed pairs it is the warm start alone. */
import type { Method } from './lab.ts'

export const dpo: Method = {
  source: 'arXiv 2305.18290; losses and keys as in TRL 1.16',
  deviations: ['the loss has DRIFT\'s small SFT part by default (loss_type sigmoid alone is the published DPO)', 'weights are float32'],
  async run(lab, logs, recipe) {
    const policy = await lab.train('warm-start/train', lab.base, lab.base, logs.seedPairs, recipe.training)
    await lab.evaluate(0, policy, logs.seedPairs)
    return policy
  },
}
