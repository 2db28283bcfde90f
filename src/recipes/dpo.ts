/** Plain DPO on a fixed preference dataset (Rafailov et al. 2023); on the seed pairs it is the warm start alone. */
import type { RunRecipe } from './lab.ts'

export const dpo: RunRecipe = async (lab, logs, recipe) => {
  const policy = await lab.train('warm-start/train', lab.base, lab.base, logs.seedPairs, recipe.training)
  await lab.evaluate(0, policy, logs.seedPairs)
  return policy
}
