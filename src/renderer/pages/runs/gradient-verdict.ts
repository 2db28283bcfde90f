/**
 * Gradient health in words. Thresholds are ours, stated to the reader, and none stands on the weight alone: with a
 * round-start reference every weight begins a round at one half, so weights cannot show degeneration (design section 7).
 */
import type { RunDetail } from '../../../shared/contract.ts'
import { fixed, percent } from '../../charts/format.ts'

type Round = RunDetail['gradientHealth'][number]
export type Verdict = {
  state: 'teaching' | 'saturated' | 'degenerating' | 'unordered' | 'unknown'
  words: string
  /** The figures it rests on. */
  because: string
  /** The rule, with its threshold. */
  rule: string
}

/** A fall of the chosen replies' score from their best round: the earliest sign of over-optimisation in the prototype. */
export const CHOSEN_FALL = 0.03
/** Below this share of pairs in the right order the pairs say nothing about quality. */
export const ORDERED_FROM = 0.6
/** Mean weight below which little gradient is left. */
export const WEIGHT_LEFT = 0.15
/** Gradient norm left of the first round's start. */
export const NORM_LEFT = 0.25

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** @param rounds one entry per finished round, ascending */
export function judgeGradients(rounds: readonly Round[]): Verdict {
  const last = rounds.at(-1)
  if (!last) return { state: 'unknown', words: 'No round has trained yet', because: '', rule: '' }
  const best = rounds.slice(0, -1).reduce<Round | null>((top, round) => (round.chosenScore !== null && (top === null || round.chosenScore > (top.chosenScore ?? -1)) ? round : top), null)
  const weight = mean(last.weights)
  const norm = last.gradNormLast / rounds[0]!.gradNormFirst

  if (last.pairAccuracy !== null && last.pairAccuracy < ORDERED_FROM) {
    return { state: 'unordered', words: 'Its pairs hardly order by quality', because: `${percent(last.pairAccuracy)} of pairs in round ${last.round} put the better reply first; chance is 50 %`, rule: `Said when under ${percent(ORDERED_FROM)} of the last round’s pairs (ties left out) have the better reply as chosen, by the verifier.` }
  }
  if (best && last.chosenScore !== null && best.chosenScore !== null && best.chosenScore - last.chosenScore > CHOSEN_FALL - 1e-9) {
    return { state: 'degenerating', words: 'Early sign of over-optimisation', because: `chosen replies score ${fixed(last.chosenScore, 2)} in round ${last.round}, ${fixed(best.chosenScore, 2)} in round ${best.round}`, rule: `Said when the score of chosen replies has fallen by ${CHOSEN_FALL} or more from its best round: what the policy is taught gets worse.` }
  }
  if (weight < WEIGHT_LEFT || norm < NORM_LEFT) {
    return { state: 'saturated', words: 'Saturated: little left to learn from these pairs', because: `mean weight ${fixed(weight, 2)}, gradient norm ${percent(norm)} of round 1’s start`, rule: `Said when the mean weight σ(−margin) is under ${WEIGHT_LEFT}, or the gradient norm under ${percent(NORM_LEFT)} of what round 1 began with.` }
  }
  return { state: 'teaching', words: 'Still teaching', because: `mean weight ${fixed(weight, 2)}, gradient norm ${percent(norm)} of round 1’s start${last.pairAccuracy === null ? '' : `, ${percent(last.pairAccuracy)} of pairs in the right order`}`, rule: `Said when pairs are in order (${percent(ORDERED_FROM)} or more), chosen replies have not fallen by ${CHOSEN_FALL}, and weight and gradient norm are above ${WEIGHT_LEFT} and ${percent(NORM_LEFT)}.` }
}
