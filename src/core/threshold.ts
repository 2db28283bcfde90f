/**
 * The threshold workbench's figures: what a cut-off on the probability of dissatisfaction finds, judged by reviewed
 * labels, with 95 % intervals; how far probabilities can be taken at their word; and what more labels would buy.
 */
import type { CutoffFigures, Reliability, ReliabilityBin } from '../shared/signals.ts'
import type { Interval } from '../shared/types.ts'
import { wilson } from './statistics.ts'

/** A turn whose label a person (or the imported data) gave, with a detector's probability for it. */
export type ReviewedTurn = { probability: number; dissatisfied: boolean }

/**
 * F1 = 2J / (1 + J) rises with the Jaccard share J = TP / (TP + FP + FN), which is a share of the turns that are
 * flagged or dissatisfied: its Wilson bounds, so transformed, are F1's.
 */
function f1Interval(hits: number, union: number): Interval | null {
  const share = wilson(hits, union)
  const f1 = (j: number): number => (2 * j) / (1 + j)
  return share && { estimate: f1(share.estimate), low: f1(share.low), high: f1(share.high) }
}

/** Precision, recall and F1 of "dissatisfied from this probability on", at each cut-off. */
export function thresholdCurve(reviewed: readonly ReviewedTurn[], cutoffs: readonly number[]): CutoffFigures[] {
  const positives = reviewed.filter(({ dissatisfied }) => dissatisfied).length
  const falling = reviewed.toSorted((a, b) => b.probability - a.probability)
  const byCutoff = new Map<number, CutoffFigures>()
  let flagged = 0
  let hits = 0
  for (const cutoff of cutoffs.toSorted((a, b) => b - a)) {
    for (; flagged < falling.length && falling[flagged]!.probability >= cutoff; flagged++) if (falling[flagged]!.dissatisfied) hits += 1
    byCutoff.set(cutoff, { cutoff, flagged, hits, precision: wilson(hits, flagged), recall: wilson(hits, positives), f1: f1Interval(hits, flagged + positives - hits) })
  }
  return cutoffs.map((cutoff) => byCutoff.get(cutoff)!)
}

const BINS = 10

/** Bins of equal width, the empty ones left out, as scikit-learn's calibration_curve draws them. */
export function reliability(reviewed: readonly ReviewedTurn[]): Reliability | null {
  if (reviewed.length === 0) return null
  const groups = Array.from({ length: BINS }, () => ({ n: 0, hits: 0, sum: 0 }))
  let squares = 0
  for (const { probability, dissatisfied } of reviewed) {
    const group = groups[binOf(probability)]!
    group.n += 1
    group.sum += probability
    if (dissatisfied) group.hits += 1
    squares += (probability - (dissatisfied ? 1 : 0)) ** 2
  }
  const filled = groups.flatMap(({ n, hits, sum }, i): ReliabilityBin[] => {
    const observed = wilson(hits, n)
    return observed ? [{ from: i / BINS, to: (i + 1) / BINS, n, meanProbability: sum / n, observed }] : []
  })
  const distance = filled.reduce((total, { n, meanProbability, observed }) => total + n * Math.abs(observed.estimate - meanProbability), 0)
  return { bins: filled, brier: squares / reviewed.length, expectedCalibrationError: distance / reviewed.length }
}

/** A probability on an edge belongs to the bin below it. */
function binOf(probability: number): number {
  const bin = Math.min(BINS - 1, Math.floor(probability * BINS))
  return bin > 0 && probability <= bin / BINS ? bin - 1 : bin
}

/** As far as `valueOfLabels` looks. */
export const MOST_LABELS = 2000

export type LabelsValue = {
  /** Half the width of precision's interval now, and after `more` labels on turns at or above the cut-off; null while there are none. */
  now: number | null
  then: number
  /** Fewest further labels after which half the width is at most `target`; null where more than `MOST_LABELS`. */
  untilTarget: number | null
}

/**
 * What `more` labels would buy. Each further label on a flagged turn is a hit with probability p, the posterior mean
 * (hits + 1) / (flagged + 2) of a uniform prior, so k of them are binomial, and the expected half-width is
 * sum over k of Binomial(k; more, p) * half(Wilson(hits + k, flagged + more)).
 */
export function valueOfLabels({ hits, flagged }: Pick<CutoffFigures, 'hits' | 'flagged'>, more: number, target: number): LabelsValue {
  const p = (hits + 1) / (flagged + 2)
  const expected = (labels: number): number => {
    let sum = 0
    let logShare = labels * Math.log1p(-p) // log Binomial(0; labels, p)
    for (let k = 0; k <= labels; k++) {
      if (logShare > -40) sum += Math.exp(logShare) * halfWidth(hits + k, flagged + labels)
      logShare += Math.log((labels - k) / (k + 1)) + Math.log(p) - Math.log1p(-p)
    }
    return sum
  }
  const now = flagged === 0 ? null : halfWidth(hits, flagged)
  const then = expected(more)
  if (expected(MOST_LABELS) > target) return { now, then, untilTarget: null }
  let low = 0
  let high = MOST_LABELS
  while (low < high) {
    const middle = (low + high) >> 1
    if (flagged + middle > 0 && expected(middle) <= target) high = middle
    else low = middle + 1
  }
  return { now, then, untilTarget: low }
}

function halfWidth(hits: number, n: number): number {
  const interval = wilson(hits, n)!
  return (interval.high - interval.low) / 2
}
