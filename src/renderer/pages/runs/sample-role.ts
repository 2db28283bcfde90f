import { PAIR_SOURCES, type PairSource } from '../../../shared/pair-sources.ts'

const isMethod = (name: string): name is keyof typeof PAIR_SOURCES => Object.hasOwn(PAIR_SOURCES, name)

/** Of a method's key (`methodOf`); one that is not known here ranks its samples, as the variants of iterative DPO do. */
const sourceOf = (method: string): PairSource => PAIR_SOURCES[isMethod(method) ? method : 'iterative-dpo']

/** What a sample will be in its pair. @param stage the sampling stage's key, with or without a run's id before it */
export function sampleRole(method: string, stage: string): string {
  const { chosen, rejected } = sourceOf(method)
  if (chosen === 'better') return 'the policy’s reply, to be ranked'
  if (chosen === 'logged' || stage.endsWith('/sample-own')) return 'the policy’s own reply, rejected'
  if (chosen === 'frozen') return 'new reply, chosen in every round'
  if (chosen === 'own') return 'the policy’s own reply, chosen'
  return rejected === null ? 'new reply, learned as it is' : 'new reply, chosen'
}

/** What the logged reply, which a user disliked, will be in the pair; null where it has no part in it. */
export function loggedRole(method: string): 'rejected' | null {
  return sourceOf(method).rejected === 'logged' ? 'rejected' : null
}
