/** A run's score at its last evaluated round, at the highest temperature. */
import type { RunDetail } from '../../../shared/contract.ts'
import type { Interval } from '../../../shared/types.ts'

export type Score = { value: Interval; pass: number; n: number; round: number; temperature: number }

export function finalScore(evaluations: RunDetail['evaluations']): Score | null {
  const temperature = Math.max(...evaluations.map((one) => one.temperature))
  const last = evaluations.filter((one) => one.temperature === temperature).reduce<RunDetail['evaluations'][number] | null>((latest, one) => (latest && latest.round >= one.round ? latest : one), null)
  return last ? { value: { estimate: last.score, low: last.low, high: last.high }, pass: last.pass, n: last.n, round: last.round, temperature } : null
}

/** Under a run's score chart: of which temperature, the warmest, over how many prompts; '' before anything is evaluated. */
export function evaluationSubtitle(rows: readonly { temperature: number; n: number }[], measure: string): string {
  const [warmest] = rows.toSorted((a, b) => b.temperature - a.temperature)
  return warmest === undefined ? '' : `${measure} at T = ${warmest.temperature}, n = ${warmest.n} prompts, 95 % interval`
}
