/** Gradient health of several seeds as one: distributions joined, figures averaged. */
import type { RunDetail } from '../../../shared/contract.ts'

export type RoundHealth = RunDetail['gradientHealth'][number]

const mean = (values: (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

export function pooled(rounds: readonly RoundHealth[]): RoundHealth[] {
  return [...new Set(rounds.map((one) => one.round))].sort((a, b) => a - b).map((round) => {
    const of = rounds.filter((one) => one.round === round)
    return {
      round,
      margins: of.flatMap((one) => one.margins),
      weights: of.flatMap((one) => one.weights),
      gradNormFirst: mean(of.map((one) => one.gradNormFirst)) ?? Number.NaN,
      gradNormLast: mean(of.map((one) => one.gradNormLast)) ?? Number.NaN,
      chosenScore: mean(of.map((one) => one.chosenScore)),
      rejectedScore: mean(of.map((one) => one.rejectedScore)),
      pairAccuracy: mean(of.map((one) => one.pairAccuracy)),
    }
  })
}

/** Held-out margins of several seeds round by round, run after run in the same order. */
export function pooledMargins(rounds: RunDetail['heldout']): RunDetail['heldout'] {
  return [...new Set(rounds.map(({ round }) => round))].sort((a, b) => a - b).map((round) => ({ round, margins: rounds.filter((one) => one.round === round).flatMap(({ margins }) => margins) }))
}
