/**
 * Trains the classifier: logistic regression on hashed features and boosted trees on measures, both on the share of
 * annotators who were dissatisfied; five folds by dialogue for honest figures, calibration (Platt 1999), which also says
 * how much either part counts, and the cut-off.
 */
import { scoreDetector, type DetectorFigures } from '../detector-score.ts'
import { makeRng } from '../rng.ts'
import { readSigns } from '../signals.ts'
import { sigmoid } from '../statistics.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Message } from '../../shared/types.ts'
import { binFeatures, binRows, fitTrees, forestOf, scaleTrees, weighByTrees, type TreeOptions, type Trees } from './boosted-trees.ts'
import { addFeatures, BUCKETS, FeatureList, MEASURES, takeMeasures, WORDS_AT } from './features.ts'
import { fitLogistic, logOddsOf, type LinearModel } from './logistic-regression.ts'
import { learnWordOdds, type WordRows } from './word-odds.ts'

export type LabelledTurn = {
  messages: readonly Message[]
  turnIndex: number
  dissatisfied: boolean
  /** 1 to 5, one per annotator; their share of 1 and 2 is learned where there are any. */
  ratings: readonly number[] | null
  /** Turns of one dialogue stay in one fold. */
  dialogue: number
}

export type TrainedModel = {
  intercept: number
  /** [BUCKETS]; calibration is part of them. */
  weights: Float32Array
  /** [BUCKETS]; what the trees are asked of the user's words. */
  wordOdds: Float32Array
  /** On measures; calibration is part of them. */
  trees: Trees
  /** Probability with the best F1 on turns the model had not seen. */
  cutoff: number
  /** On turns whose dialogue the judging model had not seen; at the cut-off `flagged` are called dissatisfied and `hits` are. */
  crossValidation: DetectorFigures & { flagged: number; hits: number }
  /** Calibrated probability of each turn by a model that had not seen its dialogue. */
  heldOut: Float64Array
}

/** Chosen by cross-validation on the DSAT train part; figures in docs/decisions/0008-detectors.md. */
const L2 = 40
const FEWEST_TURNS = 3
const ITERATIONS = 60
const TOLERANCE = 1e-4
const FOLDS = 5
const TREES: Omit<TreeOptions, 'seed'> = { trees: 200, learningRate: 0.1, leaves: 16, fewestRows: 40, l2: 20, features: 0.5, drawnCuts: true }
export const FEWEST_OF_EACH = 10

/** Throws a UsageError where there are too few turns to learn from. */
export function trainDetector(turns: readonly LabelledTurn[], options: { seed?: number; trees?: number; onProgress?: (done: number, total: number) => void } = {}): TrainedModel {
  const { seed = 1, trees: most = TREES.trees, onProgress } = options
  const positives = turns.filter(({ dissatisfied }) => dissatisfied).length
  if (positives < FEWEST_OF_EACH || turns.length - positives < FEWEST_OF_EACH) {
    throw new UsageError(`detector: expected at least ${FEWEST_OF_EACH} dissatisfied and ${FEWEST_OF_EACH} other turns to learn from, got ${positives} and ${turns.length - positives}. Label more turns`)
  }
  const { encoded, buckets, measures } = encodeTurns(turns)
  const { rows } = encoded
  const binned = binRows(measures, MEASURES)
  const targets = Float64Array.from(turns, targetOf)
  const folds = foldsOf(turns, seed)
  const dialogues = [...Map.groupBy(turns.keys(), (i) => turns[i]!.dialogue).values()].map((own) => Int32Array.from(own))
  const fit = (chosen: Int32Array): { linear: LinearModel; wordOdds: Float32Array; trees: Trees } => {
    const linear = fitLogistic(rows, targets, chosen, { l2: L2, iterations: ITERATIONS, tolerance: TOLERANCE })
    const wordOdds = learnWordOdds(encoded, targets, chosen, dialogues, measures, MEASURES, WORDS_AT)
    binFeatures(binned, measures, WORDS_AT)
    const { trees } = fitTrees(binned, targets, chosen, { ...TREES, trees: most, seed: String(seed) })
    return { linear, wordOdds, trees }
  }

  const [byWeights, byTrees] = [new Float64Array(turns.length), new Float64Array(turns.length)]
  for (let fold = 0; fold < FOLDS; fold++) {
    onProgress?.(fold, FOLDS + 1)
    const { linear, trees } = fit(Int32Array.from(turns.keys()).filter((i) => folds[i] !== fold))
    const forest = forestOf(trees)
    for (let i = 0; i < turns.length; i++) {
      if (folds[i] !== fold) continue
      byWeights[i] = logOddsOf(rows, i, linear)
      byTrees[i] = weighByTrees(forest, measures, i * MEASURES)
    }
  }
  onProgress?.(FOLDS, FOLDS + 1)
  const { linear, wordOdds, trees } = fit(Int32Array.from(turns.keys()))
  onProgress?.(FOLDS + 1, FOLDS + 1)

  const { slopes: [slope, treeSlope], offset } = calibrate([byWeights, byTrees], turns)
  const heldOut = byWeights.map((logOdds, i) => sigmoid(slope * logOdds + treeSlope * byTrees[i]! + offset))
  const spread = (values: ArrayLike<number>, factor = 1): Float32Array => {
    const byBucket = new Float32Array(BUCKETS)
    for (const [column, bucket] of buckets.entries()) byBucket[bucket] = factor * values[column]!
    return byBucket
  }
  const scored = turns.map(({ dissatisfied, ratings }, i) => ({ dissatisfied, ratings, probability: heldOut[i]! }))
  const cutoff = bestCutoff(scored)
  const flagged = scored.filter(({ probability }) => probability >= cutoff)
  const crossValidation = { ...scoreDetector(scored), flagged: flagged.length, hits: flagged.filter(({ dissatisfied }) => dissatisfied).length }
  return { intercept: slope * linear.intercept + offset, weights: spread(linear.weights, slope), wordOdds: most === 0 ? new Float32Array(BUCKETS) : spread(wordOdds), trees: scaleTrees(trees, treeSlope), cutoff, crossValidation, heldOut }
}

/** Share of annotators who rated 1 or 2: says more than the majority alone. */
function targetOf({ dissatisfied, ratings }: LabelledTurn): number {
  if (ratings === null || ratings.length === 0) return dissatisfied ? 1 : 0
  return ratings.filter((rating) => rating <= 2).length / ratings.length
}

/** Features in the buckets that occur in enough turns, renumbered; `buckets[column]` is the bucket. `measures`: [turns, MEASURES], those of words still open. */
function encodeTurns(turns: readonly LabelledTurn[]): { encoded: WordRows; buckets: Int32Array; measures: Float32Array } {
  const list = new FeatureList()
  const measures = new Float32Array(turns.length * MEASURES)
  const starts = new Int32Array(turns.length + 1)
  const [words, ends] = [new Int32Array(turns.length), new Int32Array(turns.length)]
  const turnsWith = new Int32Array(BUCKETS)
  const lastTurn = new Int32Array(BUCKETS).fill(-1)
  turns.forEach(({ messages, turnIndex }, i) => {
    const signs = readSigns(messages, turnIndex)
    addFeatures(list, messages, turnIndex, signs)
    takeMeasures(list, messages, turnIndex, signs, measures, i * MEASURES)
    starts[i + 1] = list.length
    words[i] = list.words.from
    ends[i] = list.words.to
    for (let k = starts[i]!; k < list.length; k++) {
      const bucket = list.columns[k]!
      if (lastTurn[bucket] === i) continue
      lastTurn[bucket] = i
      turnsWith[bucket]! += 1
    }
  })
  const buckets = Int32Array.from(turnsWith.keys()).filter((bucket) => turnsWith[bucket]! >= FEWEST_TURNS)
  const columnOf = new Int32Array(BUCKETS).fill(-1)
  buckets.forEach((bucket, column) => (columnOf[bucket] = column))
  let kept = 0
  let from = 0
  for (let i = 0; i < turns.length; i++) {
    const to = starts[i + 1]!
    const [firstWord, lastWord] = [words[i]!, ends[i]!]
    for (let k = from; k < to; k++) {
      if (k === firstWord) words[i] = kept
      if (k === lastWord) ends[i] = kept
      const column = columnOf[list.columns[k]!]!
      if (column < 0) continue
      list.columns[kept] = column
      list.values[kept++] = list.values[k]!
    }
    from = to
    starts[i + 1] = kept
  }
  return { encoded: { rows: { starts, columns: list.columns.slice(0, kept), values: list.values.slice(0, kept), width: buckets.length }, words, ends }, buckets, measures }
}

function foldsOf(turns: readonly LabelledTurn[], seed: number): Int32Array {
  const dialogues = makeRng(`detector folds ${seed}`).shuffled([...new Set(turns.map(({ dialogue }) => dialogue))])
  const foldOf = new Map(dialogues.map((dialogue, i) => [dialogue, i % FOLDS]))
  return Int32Array.from(turns, ({ dialogue }) => foldOf.get(dialogue)!)
}

/** Slopes of both parts and the offset that make held-out scores probabilities of the label: a logistic regression on two values. */
function calibrate(parts: readonly [Float64Array, Float64Array], turns: readonly LabelledTurn[]): { slopes: [number, number]; offset: number } {
  const rows = {
    starts: Int32Array.from({ length: turns.length + 1 }, (_, i) => 2 * i),
    columns: Int32Array.from({ length: 2 * turns.length }, (_, k) => k % 2),
    values: Float32Array.from({ length: 2 * turns.length }, (_, k) => parts[k % 2 === 0 ? 0 : 1][k >> 1]!),
    width: 2,
  }
  const { weights, intercept } = fitLogistic(rows, Float64Array.from(turns, ({ dissatisfied }) => (dissatisfied ? 1 : 0)), Int32Array.from(turns.keys()), { l2: 1e-3 })
  const [first, second] = [weights[0]!, weights[1]!]
  if (first >= 0 && second >= 0) return { slopes: [first, second], offset: intercept }
  // Where a part learned nothing its order must not turn round: it is left out, and without both everything gets the base rate.
  const kept = (part: Float64Array, weight: number): Float64Array => (weight < 0 ? new Float64Array(part.length) : part)
  return calibrate([kept(parts[0], first), kept(parts[1], second)], turns)
}

/** The probability from which "dissatisfied" has the best F1 against the labels. */
function bestCutoff(turns: readonly { probability: number; dissatisfied: boolean }[]): number {
  const falling = turns.toSorted((a, b) => b.probability - a.probability)
  const positives = turns.filter(({ dissatisfied }) => dissatisfied).length
  let hits = 0
  let best = { f1: -1, cutoff: 0.5 }
  for (const [i, { probability, dissatisfied }] of falling.entries()) {
    if (dissatisfied) hits += 1
    if (falling[i + 1]?.probability === probability) continue
    const f1 = (2 * hits) / (i + 1 + positives)
    if (f1 > best.f1) best = { f1, cutoff: probability }
  }
  return best.cutoff
}
