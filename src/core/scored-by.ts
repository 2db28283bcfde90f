import type { Measured } from '../shared/comparison.ts'

/** Who scores, in words that follow "scored by". */
export function scoredBy({ reaction }: Measured): string {
  if (reaction === null) return 'the task’s own verifier, no judge'
  return reaction === 'scorer' ? 'a scorer of replies, no user' : 'the built-in world’s simulated user'
}
