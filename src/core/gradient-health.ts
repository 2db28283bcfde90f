/** Gradient health round by round: the margins of a round's pairs, thinned to equal shares of their order, and seeds pooled. */
import type { RoundHealth, Verdict } from '../shared/monitors.ts'
import { normsOver } from './comparison.ts'
import { judgeGradients } from './gradient-verdict.ts'
import { mean, sigmoid, sum } from './statistics.ts'

/** Margins of a round that are kept and drawn at most: their quantiles stand within a thousandth of those of all. */
const MOST = 2048

/** What a round's steps come to; the scores of its pairs are measured elsewhere. */
export type StepHealth = Omit<RoundHealth, 'chosenScore' | 'rejectedScore' | 'pairAccuracy'>

/** @param margins of all pairs @param norms of the steps, in their order; null is no finite number in both */
export function healthOfSteps(round: number, margins: readonly (number | null)[], norms: readonly (number | null)[]): StepHealth {
  const finite = Float64Array.from(margins.filter((margin) => margin !== null)).sort()
  const { first, last } = normsOver(norms.filter((norm) => norm !== null))
  return { round, pairs: finite.length, weight: mean(finite.map((margin) => sigmoid(-margin))), gradNormFirst: first, gradNormLast: last, ...thin({ margins: [...finite], standsFor: 1 }, 1) }
}

type Margins = { round: number; margins: readonly number[] }

/** Runs of one method, its seeds, as one. @param runs their held-out pairs in the same order */
export function gradientsOf(runs: readonly { health: readonly RoundHealth[]; heldout: readonly Margins[] }[]): { rounds: RoundHealth[]; verdict: Verdict } {
  const rounds = poolHealth(runs.flatMap(({ health }) => health))
  const heldout = runs.flatMap((run) => run.heldout)
  return { rounds, verdict: judgeGradients(rounds, roundsOf(heldout).map((round) => ({ round, margins: heldout.filter((one) => one.round === round).flatMap(({ margins }) => margins) }))) }
}

const roundsOf = (all: readonly { round: number }[]): number[] => [...new Set(all.map(({ round }) => round))].sort((a, b) => a - b)

/** Rounds of several seeds as one: distributions joined, each pair counting the same; figures averaged over the seeds. */
export function poolHealth(rounds: readonly RoundHealth[]): RoundHealth[] {
  return roundsOf(rounds).map((round) => {
    const of = rounds.filter((one) => one.round === round)
    const coarsest = Math.max(...of.map(({ standsFor }) => standsFor))
    const margins = of.flatMap((one) => thin(one, coarsest).margins).sort((a, b) => a - b)
    const pairs = sum(of.map((one) => one.pairs))
    return {
      round,
      pairs,
      weight: sum(of.map((one) => (one.pairs === 0 ? 0 : one.pairs * one.weight))) / pairs,
      ...thin({ margins, standsFor: coarsest }, coarsest),
      gradNormFirst: mean(of.map(({ gradNormFirst }) => gradNormFirst)),
      gradNormLast: mean(of.map(({ gradNormLast }) => gradNormLast)),
      chosenScore: meanOfKnown(of.map(({ chosenScore }) => chosenScore)),
      rejectedScore: meanOfKnown(of.map(({ rejectedScore }) => rejectedScore)),
      pairAccuracy: meanOfKnown(of.map(({ pairAccuracy }) => pairAccuracy)),
    }
  })
}

/** Doubles the share that each margin stands for until it is `atLeast` and no more than MOST are left: the middle one of each share. */
function thin({ margins, standsFor }: Pick<RoundHealth, 'margins' | 'standsFor'>, atLeast: number): Pick<RoundHealth, 'margins' | 'standsFor'> {
  let step = atLeast / standsFor
  while (margins.length / step > MOST) step *= 2
  if (step === 1) return { margins, standsFor }
  const middle = step >> 1
  // The last share may be too short to have its middle.
  return { margins: margins.filter((_, i) => i % step === middle || (i === margins.length - 1 && i % step < middle)), standsFor: step * standsFor }
}

function meanOfKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : mean(known)
}
