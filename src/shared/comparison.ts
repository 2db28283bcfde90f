/** The shape of a comparison (computed in core/comparison.ts, shown by the compare page, written by the report). */
import { z } from 'zod'
import type { Regime, Sweep } from './race.ts'
import type { FairnessLedger, Interval, Message } from './types.ts'

/** `drift`, or where one method occurs with several settings `drift, learning_rate 0.0003`; likewise `base` and `warm-start`. */
export type MethodKey = string
/** The method without its setting. */
export const familyOf = (key: MethodKey): MethodKey => key.split(', ', 1)[0]!
/** A method's name with the setting of its key: names stand in lists, where a comma parts one from the next. */
export function withSetting(name: string, key: MethodKey): string {
  const setting = key.slice(familyOf(key).length + ', '.length)
  if (setting === '') return name
  return name.endsWith(')') ? `${name.slice(0, -1)}, ${setting})` : `${name} (${setting})`
}
/** What methods begin at, which is none itself. */
export const isBase = (key: MethodKey): boolean => familyOf(key) === 'base'
export const isWarmStart = (key: MethodKey): boolean => familyOf(key) === 'warm-start'
export const isStart = (key: MethodKey): boolean => isBase(key) || isWarmStart(key)

/** Figures of one method at one round, over seeds x prompts at one temperature. */
export type RoundFigures = {
  round: number
  score: Interval
  pass: Interval
  /** Distinct high-reward answers per prompt among k samples. */
  distinct: Interval
  /** Share of the known solution space reached by passing samples. */
  coverage: Interval
  itemEntropy: Interval
  /** Null where replies were drawn by what does not tell (vLLM). */
  tokenEntropy: number | null
  length: number
}

/** What an evaluation's score is. */
export type Measured = {
  /** `content rate`: 1 − P(dissatisfied), the DSAT rate turned round so that more is better. */
  measure: 'task score' | 'content rate'
  /** Who reacts, where the measure is a content rate. */
  reaction: 'scorer' | 'simulated-user' | null
  /** How well a scorer orders liked and disliked replies of conversations it did not see; null until it is trained, or where there is none. */
  scorer: { auc: number; replies: number } | null
}

export type MethodComparison = {
  key: MethodKey
  label: string
  seeds: number[]
  runs: string[]
  /** Trains on the evaluation's own reward: an upper bound, not a competitor. */
  upperBound: boolean
  byTemperature: { temperature: number; rounds: RoundFigures[] }[]
  /** Margins on one common held-out pair set, against the base, per round. */
  heldout: { round: number; margin: Interval; accuracy: Interval }[]
  gradNorm: { round: number; mean: number; first: number; last: number }[]
  trainingPairs: { round: number; chosenScore: number | null; rejectedScore: number | null; pairAccuracy: number | null }[]
  ledger: FairnessLedger
}

/** `a` minus `b` at the final round, paired by seed and prompt. */
export type PairedDifference = {
  a: MethodKey
  b: MethodKey
  temperature: number
  measure: 'score' | 'pass' | 'distinct' | 'coverage'
  difference: Interval
  /** Two-sided, from the crossed bootstrap; Holm-adjusted over the declared primary family where `primary`. */
  p: number
  pAdjusted: number | null
  primary: boolean
  verdict: 'ahead' | 'behind' | 'not distinguishable'
  seeds: number
  prompts: number
  /** Sign-flip permutation tests: prompts flipped speak of these checkpoints, seeds flipped (from six on) of the method. */
  permutation: { prompts: number; seeds: number | null }
  /** Prompts that one side alone passed, where each has one reply: McNemar's exact test; with several seeds prompts are flipped as a whole. */
  mcnemar: { onlyA: number; onlyB: number; p: number } | null
  /** Cohen's d_z over prompts; null where all differ alike. */
  effectSize: number | null
  /** What would decide it; null where it is decided. */
  needed: Needed | null
}

/** Null: no number of these alone is enough, or one seed does not tell. */
export type Needed = { prompts: number | null; seeds: number | null }

/** The primary family, fixed before the first run of a group starts: `a` minus `b` of every pair, at the final round. */
export const declarationSchema = z.object({ metric: z.enum(['score', 'pass']), temperature: z.union([z.number(), z.array(z.number()).min(1)]), pairs: z.array(z.tuple([z.string(), z.string()])).min(1) })
export type Declaration = z.infer<typeof declarationSchema>

/** Sharpening can pass for learning: score at 0 and 1 may both be primary. */
export const declaredTemperatures = ({ temperature }: Pick<Declaration, 'temperature'>): number[] => [temperature].flat()
/** `score at T = 0 and 1`. */
export const declaredWords = (declared: Pick<Declaration, 'metric' | 'temperature'>): string => `${declared.metric === 'score' ? 'score' : 'pass rate'} at T = ${declaredTemperatures(declared).join(' and ')}`

/** One quantity that a race's regime holds equal: per run, by method. */
export type FairnessLine = { what: string; values: { key: MethodKey; label: string; value: number }[]; equal: boolean; words: string }

export type Comparison = {
  group: string | null
  title: string
  /** One plain sentence: who is ahead, by how much, what is not distinguishable. */
  headline: string
  /** "these checkpoints" below six seeds, "this method" from six. */
  claim: 'checkpoints' | 'methods'
  methods: MethodComparison[]
  differences: PairedDifference[]
  /** Null: nothing was declared with the group, the family is DRIFT minus each competing method on its base in task score. */
  declared: Declaration | null
  /** Of a race: its regime, whether what it holds equal was equal, and how its settings were chosen where a sweep did that. */
  race: { regime: Regime; fairness: FairnessLine[]; sweep: Sweep | null } | null
  evaluation: { dataset: string; prompts: number; k: number; temperatures: number[]; heldoutPairs: number | null; measured: Measured }
  probe: { conditioned: number; unconditioned: number; gain: number } | null
  /** What a reader must know before believing: too few seeds, unequal budgets, runs still going. */
  cautions: string[]
  finished: boolean
}

/** What methods found, at the evaluation's highest temperature; figures of each method's last round. */
export type Exploration = {
  /** How texts were turned into points. */
  embedding: string
  k: number
  /** Seeds whose last rounds are all evaluated. */
  seeds: number
  prompts: number
  /** Prompts where every method passes at least twice, and how many passing answers are drawn there on average. */
  rarefiedOver: { prompts: number; passes: number }
  methods: {
    key: MethodKey
    label: string
    round: number
    passAtK: { k: number; value: Interval }[]
    /** Distinct good answers among equally many passing ones; interval over prompts. Null where no prompt has enough. */
    rarefied: Interval | null
    selfBleu: Interval
    coverage: Interval | null
    density: Interval | null
  }[]
  /** Samples of one seed, all rounds on one plane; `projection` says how it was made, `trustworthiness` (0 to 1, of 15 neighbours) whether who is near on it is near in the embedding, `refit` how much of it another start keeps. */
  map: { seed: number; projection: string; trustworthiness: number | null; /** `overlap`: share of an answer's 15 nearest on the map that stay its nearest. */ refit: { overlap: number; trustworthiness: number } | null; /** Samples there are. */ of: number; points: { x: number; y: number; /** Place among `methods`. */ method: number; round: number; prompt: number; pass: boolean; reward: number; text: string }[] }
}

/** What lies across under curves: optimizer steps, seconds of work since the run's first step, tokens trained on. */
export const CURVE_AXES = ['step', 'time', 'tokens'] as const
export type CurveAxis = (typeof CURVE_AXES)[number]

/** A training metric of runs step by step: smoothed at full length, then thinned. */
export type StepCurves = {
  metric: string
  axis: CurveAxis
  /** Weight of the moving average; at 0 `smoothed` is empty. */
  smoothing: number
  /** All there are. */
  metrics: string[]
  /**
   * In the order in which they were asked for; `measured` figures before thinning, `broken` ones were not finite. A step
   * without the metric is neither. Points lie at x from the `start` of their stage, which goes on for `extent`. Where a
   * step has no place on the axis (no time, no number of tokens), its figure is left out; a stage without any is too.
   */
  curves: { run: string; method: MethodKey; seed: number; stages: { stage: string; start: number; extent: number; points: [x: number, value: number | null][]; smoothed: [x: number, value: number | null][]; measured: number; broken: number }[] }[]
}

/** What an answer of an evaluation goes back to. */
export type AnswerLineage = {
  answer: { text: string; score: number; pass: boolean; prompt: Message[] }
  /** Model folder, relative to the workspace, or the base as the recipe names it. */
  checkpoint: string
  /** Newest first. */
  trainedBy: { stage: string; round: number; startsFrom: string | null; pairs: number }[]
  embedding: string
  /** Sampled pairs of all rounds up to the answer's. */
  pairs: number
  /** Most alike first; cosine of prompt and sampled reply. `logged` is the reply of the log that stands beside it. */
  nearest: { similarity: number; stage: string; round: number; index: number; prompt: string; sampled: string; logged: string | null; userFeedback: string | null; conversationId: string | null; turnIndex: number | null }[]
}

/** A method at a round, from the run of the chosen seed, with the base and the warm start it began at. */
export type BoardColumn = { run: string; method: MethodKey; round: number; base: MethodKey; warmStart: MethodKey | null }

/** One prompt; `scores` and `passes` (share of samples) by column, null where it is not evaluated. */
export type BoardRow = {
  index: number
  /** What was asked, cut. */
  text: string
  scores: (number | null)[]
  passes: (number | null)[]
  /** Largest fall of any method's final score below its base. */
  harm: number
  gain: number
  /** Methods that passed at the base or an earlier round and fail at their last. */
  turnedBad: MethodKey[]
}

/** Every prompt of the evaluation at one seed and temperature. */
export type PromptBoard = { total: number; turnedBad: number; seeds: number[]; seed: number; temperature: number; temperatures: number[]; columns: BoardColumn[]; rows: BoardRow[] }

/** `place`: of the prompt in `dataset`, on which the run was evaluated. */
export type AnswerCell = BoardColumn & { dataset: string; place: number; temperature: number; score: number; passes: number; n: number; answers: { text: string; score: number; pass: boolean }[] }
/** One prompt with all answers of one seed and temperature, in the board's column order. */
export type PromptAnswers = { index: number; seed: number; prompt: Message[]; cells: AnswerCell[] }
