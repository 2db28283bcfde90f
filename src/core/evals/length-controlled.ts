/**
 * AlpacaEval 2's length-controlled win rate: `metrics/glm_winrate.py` of tatsu-lab/alpaca_eval at cd543a14, model
 * length_controlled_v1. What the win rate would be if every answer were as long as the baseline's.
 * Departures: the exact optimum instead of liblinear's (at most 0.016 points), and folds (N - 1 - i) mod 5 where
 * upstream's depend on the numpy build; own and published figures differ by up to about 0.15 points.
 */
import { deviation, mean, sigmoid } from '../statistics.ts'
import { fitLassoLogistic, type FitRows, meanLogLikelihood, selectRows } from './lasso-logistic.ts'

/** `q` is the probability that the model wins, null where there is no result; lengths in code points. */
export type LengthRow = { q: number | null; baselineLength: number; modelLength: number; difficulty: number }

/** A row of `df_gamed.csv`: the baseline against its own verbose and concise selves, lengths already standardised. */
export type GamedRow = { q: number; standardizedLength: number; difficulty: number; bias: number }

export type LengthControlled = {
  /** Percent. */
  winRate: number
  /** Spread of the predictions over instructions / sqrt(n): no interval for the win rate. */
  standardError: number
  c: number
  weights: { tanhLength: number; difficulty: number; bias: number }
  /** Mean log-likelihood of the held-out folds per strength; null where the strength was given. */
  crossValidation: { c: number; score: number }[] | null
}

const STRENGTHS: readonly number[] = Array.from({ length: 10 }, (_, j) => 10 ** (-4 + (8 * j) / 9))
const FOLDS = 5
const GAMED_WEIGHT = 0.1
const WIDTH = 3

/** Null where every answer differs from the baseline's by the same length: there is nothing to control for. */
export function lengthControlledWinRate(rows: readonly LengthRow[], gamed: readonly GamedRow[], c?: number): LengthControlled | null {
  const fitRows = toFitRows(rows, gamed)
  if (fitRows === null) return null
  const chosen = c === undefined ? chooseStrength(fitRows) : null
  const strength = c ?? chosen!.c
  const weights = fitLassoLogistic(fitRows, strength)
  const predicted = rows.map(({ difficulty }) => sigmoid(weights[2]! + weights[1]! * difficulty))
  return {
    winRate: 100 * mean(predicted),
    standardError: (100 * deviation(predicted)) / Math.sqrt(predicted.length),
    c: strength,
    weights: { tanhLength: weights[0]!, difficulty: weights[1]!, bias: weights[2]! },
    crossValidation: chosen?.scores ?? null,
  }
}

/** Upstream's rule for a figure that length control moved implausibly far. */
export function isImplausible(winRate: number, lengthControlled: number): boolean {
  return lengthControlled < Math.min(winRate - winRate / 4, winRate - 10) || lengthControlled > Math.max(winRate + (100 - winRate) / 4, winRate + 10)
}

/** Five-fold cross-validation over all rows, the gamed ones first; of equal scores the smallest strength. */
function chooseStrength(rows: FitRows): { c: number; scores: { c: number; score: number }[] } {
  const n = rows.target.length
  const numbers = Array.from({ length: n }, (_, i) => i)
  const folds = Array.from({ length: FOLDS }, (_, fold) => {
    const held = numbers.filter((i) => (n - 1 - i) % FOLDS === fold)
    return { held, training: selectRows(rows, numbers.filter((i) => (n - 1 - i) % FOLDS !== fold)) }
  })
  // A fold's optimum at one strength is a good start at the next.
  const starts: Float64Array[] = folds.map(() => new Float64Array(WIDTH))
  const scores = STRENGTHS.map((c) => {
    const perFold = folds.map(({ held, training }, fold) => {
      starts[fold] = fitLassoLogistic(training, c, starts[fold])
      return meanLogLikelihood(rows, starts[fold], held)
    })
    return { c, score: mean(perFold) }
  })
  const best = scores.reduce((best, candidate) => (candidate.score > best.score ? candidate : best))
  return { c: best.c, scores }
}

function toFitRows(rows: readonly LengthRow[], gamed: readonly GamedRow[]): FitRows | null {
  const differences = rows.map(({ baselineLength, modelLength }) => baselineLength - modelLength)
  const spread = deviation(differences)
  if (!(spread > 0)) return null
  const judged = rows.flatMap(({ q, difficulty }, i) => (q === null ? [] : [{ q, x: [Math.tanh(differences[i]! / spread), difficulty, 1], s: 1 }]))
  const all = [...gamed.map(({ q, standardizedLength, difficulty, bias }) => ({ q, x: [Math.tanh(standardizedLength), difficulty, bias], s: GAMED_WEIGHT })), ...judged]
  return { width: WIDTH, x: Float64Array.from(all.flatMap(({ x }) => x)), target: Float64Array.from(all, ({ q }) => q), weight: Float64Array.from(all, ({ s }) => s) }
}
