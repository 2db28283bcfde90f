/** What each round of a run started from: policy, reference, data, and where chosen and rejected came from. Pure. */
import { PAIR_SOURCES, type PairSource, type Side } from '../../../shared/pair-sources.ts'
import type { Recipe } from '../../../shared/recipe.ts'
import type { RunStage } from '../../../shared/types.ts'

/** One training of the policy. `from` and `reference` are policies' names, as stages name them. */
export type DiagramStep = { policy: string; from: string; reference: string; data: string; chosen: string; rejected: string; /** How many chosen replies were drawn and how many kept, where stale ones alone were sampled anew. */ resampled: string | null; status: RunStage['status'] }
export type DiagramRecipe = Pick<Recipe, 'recipe' | 'reference' | 'dataset'> & { warmStart: string | null }

/** A policy's name in words: base, warm start, round 1. */
export const nameOf = (policy: string): string => policy.replace('-', ' ')

const ROWS: Record<PairSource['rows'], string> = { dissatisfied: 'dissatisfied replies of', satisfied: 'satisfied replies of', requests: 'requests of', pairs: 'pairs of' }

/** The trainings of the policy that have begun, in their order; a reward model's is none. */
export function diagramOf(recipe: DiagramRecipe, stages: readonly (Pick<RunStage, 'key' | 'startsFrom' | 'status'> & Partial<Pick<RunStage, 'summary'>>)[]): DiagramStep[] {
  const { rows, chosen, rejected } = PAIR_SOURCES[recipe.recipe]
  const trained = stages.filter(({ key }) => /^(warm-start|round-\d+)\/train$/.test(key))
  return trained.map(({ key, startsFrom, status }) => {
    const policy = key.replace('/train', '')
    const from = startsFrom ?? 'base'
    const isSeed = policy === 'warm-start'
    if (isSeed) return { policy, from, reference: from, data: recipe.recipe === 'dpo' ? recipe.dataset : (recipe.warmStart ?? recipe.dataset), chosen: 'as in the data', rejected: 'as in the data', resampled: null, status }
    const sampler = (kind: 'sample' | 'sample-own'): string => stages.find((stage) => stage.key === `${policy}/${kind}`)?.startsFrom ?? from
    const frozen = stages.find((stage) => stage.key === 'round-0/sample')?.startsFrom ?? 'warm-start'
    const words = (side: Side | null, policyName: string): string => {
      if (side === null) return 'none: SFT'
      const writer = nameOf(policyName)
      const written: Record<Side, string> = {
        logged: rows === 'satisfied' ? 'the reply the user liked' : 'the reply the user disliked',
        guided: `${writer}, guided by feedback`,
        own: `${writer}, unguided`,
        frozen: `${nameOf(frozen)}, guided, once`,
        better: `better of two by ${writer}`,
        worse: `worse of two by ${writer}`,
      }
      return written[side]
    }
    const summary = stages.find((stage) => stage.key === `${policy}/sample`)?.summary
    return {
      policy, from, reference: recipe.reference === 'base' ? 'base' : from, data: `${ROWS[rows]} ${recipe.dataset}`,
      chosen: words(chosen, sampler('sample')), rejected: words(rejected, sampler(chosen === 'guided' && rejected === 'own' ? 'sample-own' : 'sample')),
      resampled: summary?.['kept'] == null ? null : `${summary['samples']} drawn, ${summary['kept']} kept`, status,
    }
  })
}
