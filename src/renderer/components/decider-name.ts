import type { Signal } from '../../shared/types.ts'

/** Who gave a signal, in a few letters. The version of an imported label is its import's id: no reader wants it. */
export function deciderName({ decider, deciderVersion }: Pick<Signal, 'decider' | 'deciderVersion'>): string {
  if (decider === 'human') return 'you'
  return decider === 'imported' ? 'imported' : `${decider} ${deciderVersion}`
}
