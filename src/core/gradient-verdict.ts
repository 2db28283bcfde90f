/**
 * Does a run still teach? One word from measured parts. Thresholds are ours and are shown to the reader, and none
 * stands on the weight alone: with a round-start reference every weight begins a round at one half (design section 7).
 */
import type { RoundHealth, Verdict, VerdictState } from '../shared/monitors.ts'
import type { Interval } from '../shared/types.ts'
import { meanInterval } from './probe-figures.ts'
import { wilson } from './statistics.ts'

/** A fall of the chosen replies' score from their best round: the earliest sign of over-optimisation in the prototype. */
export const CHOSEN_FALL = 0.03
/** Below this share of pairs in the right order the pairs say nothing about quality. */
export const ORDERED_FROM = 0.6
/** Mean weight below which little gradient is left. */
export const WEIGHT_LEFT = 0.15
/** Gradient norm left of the first round's start. */
export const NORM_LEFT = 0.25
/** Held-out pairs below which their margins decide nothing. */
export const HELDOUT_FROM = 20

const percent = (share: number): string => `${Math.round(100 * share)} %`

export const VERDICT_WORDS: Record<VerdictState, string> = {
  teaching: 'Still teaching',
  saturated: 'Saturated: little left to learn from these pairs',
  degenerating: 'Degenerating',
  loud: 'Loud but not teaching',
  unknown: 'Cannot tell',
}

/** What each word means, in the order in which they are looked for. */
export const VERDICT_RULES: Record<VerdictState, string> = {
  unknown: `Cannot tell: no round has trained, or there are fewer than ${HELDOUT_FROM} held-out pairs.`,
  degenerating: `Degenerating: the last round lowered the mean held-out margin beyond its 95 % interval, or the chosen replies score ${CHOSEN_FALL} or more under their best round.`,
  saturated: `Saturated: the last round’s mean weight σ(−margin) on its own pairs is under ${WEIGHT_LEFT}, or its gradient norm ended under ${percent(NORM_LEFT)} of what round 1 began with.`,
  loud: `Loud but not teaching: gradient is left, but the held-out margin did not rise beyond its 95 % interval, held-out accuracy is not above one half beyond its, or under ${percent(ORDERED_FROM)} of the pairs have the better reply as chosen.`,
  teaching: 'Still teaching: none of the above; gradient is left, and held-out pairs it never trained on move the right way.',
}

/** @param rounds ascending @param heldout margins in the order of their pairs, against the base (whose own are 0). */
export function judgeGradients(rounds: readonly RoundHealth[], heldout: readonly { round: number; margins: readonly number[] }[]): Verdict {
  const last = rounds.at(-1)
  const now = heldout.find(({ round }) => round === last?.round)
  if (!last) return { state: 'unknown', because: 'no round has trained yet' }
  if (!now || now.margins.length < HELDOUT_FROM) return { state: 'unknown', because: now ? `${now.margins.length} held-out pairs, ${HELDOUT_FROM} are needed` : 'this round has no held-out pairs yet, or the recipe names none (evaluation: heldout_pairs)' }

  const before = heldout.find(({ round }) => round === last.round - 1)?.margins
  const gain = meanInterval(now.margins.map((margin, i) => margin - (before?.[i] ?? 0)))
  const accuracy = wilson(now.margins.filter((margin) => margin > 0).length, now.margins.length)!
  const moved = `held-out margin ${gain.estimate < 0 ? '−' : '+'}${Math.abs(gain.estimate).toFixed(2)} [${bounds(gain)}] in round ${last.round}, accuracy ${accuracy.estimate.toFixed(2)} [${bounds(accuracy)}], n = ${now.margins.length}`

  if (gain.high < 0) return { state: 'degenerating', because: moved }
  const best = rounds.slice(0, -1).reduce<RoundHealth | null>((top, round) => (round.chosenScore !== null && (top === null || round.chosenScore > (top.chosenScore ?? -1)) ? round : top), null)
  if (best?.chosenScore != null && last.chosenScore !== null && best.chosenScore - last.chosenScore > CHOSEN_FALL - 1e-9) {
    return { state: 'degenerating', because: `chosen replies score ${last.chosenScore.toFixed(2)} in round ${last.round}, ${best.chosenScore.toFixed(2)} in round ${best.round}; ${moved}` }
  }
  const norm = last.gradNormLast / rounds[0]!.gradNormFirst
  const left = `mean weight ${last.weight.toFixed(2)}, gradient norm ${percent(norm)} of round 1’s start`
  if (last.weight < WEIGHT_LEFT || norm < NORM_LEFT) return { state: 'saturated', because: `${left}; ${moved}` }
  if (last.pairAccuracy !== null && last.pairAccuracy < ORDERED_FROM) return { state: 'loud', because: `${percent(last.pairAccuracy)} of its pairs put the better reply first, chance is 50 %; ${left}` }
  if (gain.low <= 0 || accuracy.low <= 0.5) return { state: 'loud', because: `${moved}; ${left}` }
  return { state: 'teaching', because: `${moved}; ${left}` }
}

const bounds = ({ low, high }: Interval): string => `${low.toFixed(2)}, ${high.toFixed(2)}`
