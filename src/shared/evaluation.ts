/** The shapes of judged evaluations: computed in core/evals, stored, shown by the evaluate page, printed by `drift eval`. */
import type { Interval } from './types.ts'

/**
 * How far a judged figure can be trusted. official: the benchmark's own judge and baseline; calibrated: another judge
 * whose agreement with published annotations is known; uncalibrated: another judge, unknown; discrete: choices
 * without probabilities, which is another figure than the leaderboard's.
 */
export type JudgeBadge = 'official' | 'calibrated' | 'uncalibrated' | 'discrete'

/** In percent, but for counts, the strength C and the weights. Null where a figure cannot be computed; a notice says why. */
export type AlpacaFigures = {
  n_total: number
  n_wins: number
  n_wins_base: number
  n_draws: number
  win_rate: number
  standard_error: number | null
  discrete_win_rate: number
  /** Of the model's answers, truncated, in code points. */
  avg_length: number
  length_controlled_winrate: number | null
  lc_c: number | null
  /** Of tanh(length), difficulty, bias. */
  lc_weights: [number, number, number] | null
}

/** `score` 1 to 10; adjusted and task figures -8 to 10; `wb_score` ten times adjusted. Lengths in code points. */
export type WildBenchScore = {
  total: number
  score: number
  adjusted_score: number
  wb_score: number
  task_macro_score: number | null
  task_categorized_scores: Record<string, number> | null
  avg_len: number | null
}

/** Rewards -1 to 1. `total` counts every row, also those whose answers were left out. */
export type WildBenchReward = {
  win_much: number
  win: number
  tie: number
  lose: number
  lose_much: number
  total: number
  reward: number
  avg_len: number | null
  task_categorized_rewards: Record<string, number> | null
  task_macro_reward: number | null
}

/** One judged answer. */
export type JudgedItem = {
  /** Instruction or session id: what models are compared on. */
  key: string
  /** Hash of the prompt and every answer the judge saw: what judges are compared on. */
  answers: string
  /** Win probability 0 to 1, score 1 to 10, or reward -1 to 1; null where the judge gave none. */
  value: number | null
  /** Code points of the model's answer. */
  length: number
  referenceLength: number | null
}

/** A judge beside the published annotations of the same answers. */
export type JudgeCalibration = {
  /** Answers both judged. */
  n: number
  /** Share of answers on which both name the same winner (or scores lie on the same side of the middle); ties left out. */
  agreement: Interval
  agreementN: number
  /** Of the judged values, Spearman's rho; null where one judge's values are all equal. */
  rankCorrelation: number | null
  /** Mean of this judge minus the published one, in the benchmark's points. */
  shift: Interval
}
