/** Where each recipe's pairs come from: what is checked before a run, sized in its estimate, and drawn of a real one. */
import type { Recipe } from './recipe.ts'

/**
 * logged: the reply that stands in the data. The others are samples: guided by feedback or not, of the policy a round
 * starts from or of the one before round 1, or the better or worse of two by a reward.
 */
export type Side = 'logged' | 'guided' | 'own' | 'frozen' | 'better' | 'worse'

export type PairSource = {
  rows: 'dissatisfied' | 'satisfied' | 'requests' | 'pairs'
  chosen: Side
  /** Null where the loss has no rejected side. */
  rejected: Side | null
}

export const PAIR_SOURCES: Record<Recipe['recipe'], PairSource> = {
  drift: { rows: 'dissatisfied', chosen: 'guided', rejected: 'logged' },
  'drift-unguided': { rows: 'dissatisfied', chosen: 'own', rejected: 'logged' },
  'drift-own-rejected': { rows: 'dissatisfied', chosen: 'guided', rejected: 'own' },
  'drift-sft': { rows: 'dissatisfied', chosen: 'guided', rejected: null },
  'drift-frozen': { rows: 'dissatisfied', chosen: 'frozen', rejected: 'logged' },
  'iterative-dpo': { rows: 'requests', chosen: 'better', rejected: 'worse' },
  spin: { rows: 'satisfied', chosen: 'logged', rejected: 'own' },
  dpo: { rows: 'pairs', chosen: 'logged', rejected: 'logged' },
}

/** Whether a sample of the recipe is shown feedback. */
export const isGuided = (recipe: Recipe['recipe']): boolean => PAIR_SOURCES[recipe].chosen === 'guided' || PAIR_SOURCES[recipe].chosen === 'frozen'
