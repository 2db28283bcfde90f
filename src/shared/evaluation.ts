/** The shapes of judged evaluations: computed in core/evals, stored, shown by the evaluate page, printed by `drift eval`. */
import { z } from 'zod'
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

/** Ends the notice of an evaluation whose judge left questions unanswered. */
export const RESUMABLE = 'resume asks those again'

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
  /** Share of answers on which both name the same winner (or scores lie on the same side of the middle), with Wilson's interval; ties left out. NaN where all are ties. */
  agreement: Interval
  agreementN: number
  /** What two judges with these shares of winners would reach who know nothing of each other (Cohen). */
  agreementByChance: number
  /** Of the judged values, Spearman's rho; null where one judge's values are all equal. */
  rankCorrelation: number | null
  /** Mean of this judge minus the published one, in the benchmark's points. */
  shift: Interval
}

export const BENCHMARKS = ['alpacaeval', 'wb-score', 'wb-reward'] as const
export type Benchmark = (typeof BENCHMARKS)[number]

const path = z.string().min(1)
/**
 * An evaluation to be made: from files that a judge left, or with `judge` by asking one. What the judge sees:
 * AlpacaEval: outputs and baseline, or the answers in published annotations, judged anew (a calibration).
 * WildBench: outputs on tasks (the data set's rows), for rewards also those of the reference.
 */
export const evaluationInput = z.object({
  benchmark: z.enum(BENCHMARKS),
  /** By role; relative to the workspace. */
  files: z.object({ annotations: path, outputs: path, baseline: path, difficulty: path, gamed: path, instructions: path, scores: path, pairwise: path, tags: path, tasks: path }).partial(),
  match: z.enum(['instruction', 'position']).default('instruction'),
  c: z.number().positive().optional(),
  /** Name contained in the id of WB-Reward's reference model. */
  reference: z.string().min(1).optional(),
  /** Length margin of WB-Reward in characters; -1 switches it off. */
  k: z.int().min(-1).default(500),
  judge: z
    .object({
      url: z.string().min(1),
      model: z.string().min(1),
      /** AlpacaEval: both orders, averaged. The published judge saw one. */
      swap: z.boolean().default(false),
      concurrency: z.int().min(1).max(64).default(4),
    })
    .nullable()
    .default(null),
})
export type EvaluationInput = z.output<typeof evaluationInput>
export type EvaluationFiles = EvaluationInput['files']

/** What asking a judge will take. Tokens are characters / 4; replies count at their limit. */
export type JudgingEstimate = {
  answers: number
  calls: number
  /** Replies that are already here. */
  cached: number
  promptTokens: number
  completionTokens: number
  /** From the replies this judge has given in this workspace; null where there are none. */
  seconds: number | null
}

/** 95 % intervals over instructions or tasks: bootstrap, for the length-controlled rate with the fit repeated. */
export type EvaluationIntervals = { win_rate?: Interval; length_controlled_winrate?: Interval | null; wb_score?: Interval; task_macro_score?: Interval | null; reward?: Interval; task_macro_reward?: Interval | null }

/** Who gave a set of answers: the run and its checkpoint, null for a model of no run; the model's hash. */
export type AnsweredBy = { id: string; run: string | null; checkpoint: string | null; modelHash: string | null }

export type EvaluationRow = {
  id: string
  model: string
  judge: string | null
  /** Where the judge was asked; null where its files came from elsewhere. */
  judgeUrl: string | null
  reference: string | null
  badge: JudgeBadge
  status: 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted'
  input: EvaluationInput
  files: { role: string; path: string; sha256: string }[]
  intervals: EvaluationIntervals | null
  notices: string[]
  error: string | null
  createdAt: string
  /** The set of this workspace whose file of answers was judged. */
  answeredBy: AnsweredBy | null
} & ({ benchmark: 'alpacaeval'; figures: AlpacaFigures | null } | { benchmark: 'wb-score'; figures: WildBenchScore | null } | { benchmark: 'wb-reward'; figures: WildBenchReward | null })

export type CalibrationRow = JudgeCalibration & { benchmark: Benchmark; judge: string; judgeUrl: string | null; models: string[] }

/** `id` minus the first of the compared evaluations, on the prompts they share. */
export type EvaluationDifference = {
  id: string
  shared: number
  difference: Interval
  /** Two-sided sign-flip permutation test, and the same adjusted by Holm over the compared evaluations. */
  permutationP: number
  adjustedP: number
  /** McNemar's exact test on who wins (AlpacaEval alone). */
  mcnemarP: number | null
}
