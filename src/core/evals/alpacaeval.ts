/** AlpacaEval 2 without length control: `metrics/winrate.py` and `helpers.py` of tatsu-lab/alpaca_eval at cd543a14. */
import { UsageError } from '../../shared/errors.ts'
import type { AlpacaFigures } from '../../shared/evaluation.ts'
import { deviation, mean } from '../statistics.ts'

/** One judged instruction. `preference` as the judge's file has it: 1 the baseline wins, 2 the model wins, 1.5 (or old 0) a tie, null no result. */
export type AlpacaAnnotation = {
  instruction: string
  baselineOutput: string
  modelOutput: string
  baseline: string
  model: string
  annotator: string
  preference: number | null
}

type WinRates = Pick<AlpacaFigures, 'n_total' | 'n_wins' | 'n_wins_base' | 'n_draws' | 'win_rate' | 'standard_error' | 'discrete_win_rate'>

export const OFFICIAL_JUDGE = 'weighted_alpaca_eval_gpt4_turbo'
export const OFFICIAL_BASELINE = 'gpt4_1106_preview'
export const INSTRUCTIONS = 805

/** The probability that the model's answer is better, 0 to 1; null where there is no result. */
export function winProbability(preference: number | null): number | null {
  if (preference === null || Number.isNaN(preference)) return null
  if (preference === 0) return 0.5
  return preference < 1 || preference > 2 ? null : preference - 1
}

/** Throws where no row has a result. */
export function winRates(preferences: readonly (number | null)[]): WinRates {
  const q = preferences.map(winProbability).filter((value) => value !== null)
  const n = q.length
  if (n === 0) throw new UsageError('win rate: expected at least one row with a preference from 1 to 2, got none')
  const wins = q.filter((value) => value > 0.5).length
  const draws = q.filter((value) => value === 0.5).length
  return {
    n_total: n,
    n_wins: wins,
    n_wins_base: n - wins - draws,
    n_draws: draws,
    win_rate: 100 * mean(q),
    standard_error: n > 1 ? (100 * deviation(q)) / Math.sqrt(n) : null,
    discrete_win_rate: (100 * (wins + 0.5 * draws)) / n,
  }
}

/** Where no preference lies between the whole numbers the judge gave choices, not probabilities. */
export function isDiscrete(preferences: readonly (number | null)[]): boolean {
  return preferences.every((value) => value === null || [0, 1, 1.5, 2].includes(value))
}
