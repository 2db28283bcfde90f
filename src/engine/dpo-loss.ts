/**
 * Direct preference optimisation on given log-probabilities: loss and metrics under TRL's names, in float64. The
 * gradient of the same loss stands in `training-graph.ts` in closed form; `dpoFeeds` hands it its numbers.
 */
import type { DpoConfig, DpoLossName, TokenPair } from './engine.ts'
import { completionPlaces, treeRow } from './packing.ts'
import type { PackedBatch, PackedRow } from './packing.ts'
import type { Feeds } from './session.ts'

export type ReferenceLogps = { chosen: Float64Array; rejected: Float64Array }
export type DpoBatch = { rows: PackedRow[]; pairs: TokenPair[]; reference: ReferenceLogps }
/** What the graph returned for each prediction of the batch; two labels each. */
export type PredictionResults = { logps: Float32Array; entropy: Float32Array; meanLogit: Float32Array; maxLogp: Float32Array }
export type DpoOutcome = { loss: number; metrics: Record<string, number>; margins: number[] }

const COLUMNS = 2

export function dpoRow(pair: TokenPair): PackedRow {
  return treeRow(pair.promptIds, [pair.chosenIds, pair.rejectedIds])
}

/** Weight of each loss term, 0 where it is not used. @throws Error where weights and types differ in number. */
export function lossWeights({ loss_type: types, loss_weights: weights }: Pick<DpoConfig, 'loss_type' | 'loss_weights'>): Record<DpoLossName, number> {
  if (weights && weights.length !== types.length) throw new Error(`loss_weights: expected ${types.length} numbers (one for each loss_type), got ${weights.length}`)
  const sums: Record<DpoLossName, number> = { sigmoid: 0, hinge: 0, ipo: 0, sigmoid_norm: 0, robust: 0, sft: 0 }
  types.forEach((type, i) => {
    if (!(type in sums)) throw new Error(`loss_type: expected ${Object.keys(sums).join(', ')}, got "${type}"`)
    sums[type] += weights?.[i] ?? 1
  })
  return sums
}

/** Share of flipped labels that the robust loss reckons with. @throws Error outside [0, 0.5), where it is not defined. */
export function flippedShare({ label_smoothing: smoothing }: Pick<DpoConfig, 'label_smoothing'>): number {
  if (!(smoothing >= 0 && smoothing < 0.5)) throw new Error(`label_smoothing: expected a number from 0 and below 0.5, got ${smoothing}`)
  return smoothing
}

/** @param share what the batch's loss counts in the step (1 / gradient accumulation). */
export function dpoFeeds({ rows, pairs, reference }: DpoBatch, batch: PackedBatch, config: DpoConfig, share: number): Feeds {
  const B = pairs.length
  const width = COLUMNS * batch.predictions
  const weights = lossWeights(config)
  const chosenTokens = pairs.reduce((sum, pair) => sum + pair.chosenIds.length, 0)
  const perPair = share / B
  const smoothing = flippedShare(config)
  const signs = new Float32Array(B * width)
  const averageSigns = new Float32Array(B * width)
  const seed = new Float32Array(width)
  pairs.forEach((pair, b) => {
    for (const place of labelPlaces(rows, batch, b, 0, pair.chosenIds.length)) {
      signs[b * width + place] = 1
      averageSigns[b * width + place] = 1 / pair.chosenIds.length
      seed[place] = (-weights.sft * share) / chosenTokens
    }
    for (const place of labelPlaces(rows, batch, b, 1, pair.rejectedIds.length)) {
      signs[b * width + place] = -1
      averageSigns[b * width + place] = -1 / pair.rejectedIds.length
    }
  })
  return {
    signs: { data: signs, dims: [B, width] },
    averageSigns: { data: averageSigns, dims: [B, width] },
    seed: { data: seed, dims: [batch.predictions, COLUMNS] },
    referenceMargin: { data: Float32Array.from(pairs, (_, b) => (reference.chosen[b] ?? NaN) - (reference.rejected[b] ?? NaN)), dims: [B, 1] },
    referenceAverageMargin: { data: Float32Array.from(pairs, (pair, b) => (reference.chosen[b] ?? NaN) / pair.chosenIds.length - (reference.rejected[b] ?? NaN) / pair.rejectedIds.length), dims: [B, 1] },
    negativeBeta: scalar(-config.beta),
    sigmoidScale: scalar(-config.beta * (weights.sigmoid + weights.robust) * perPair),
    constantScale: scalar((-config.beta * weights.robust * perPair * smoothing) / (1 - 2 * smoothing)),
    hingeScale: scalar(-config.beta * weights.hinge * perPair),
    ipoScale: scalar(2 * weights.ipo * perPair),
    ipoTarget: scalar(ipoTarget(config)),
    normScale: scalar(-config.beta * weights.sigmoid_norm * perPair),
  }
}

/** Loss and TRL's metrics of one batch (trl/trainer/dpo_trainer.py), means over pairs or over tokens as there. */
export function dpoOutcome({ rows, pairs, reference }: DpoBatch, batch: Pick<PackedBatch, 'starts'>, config: DpoConfig, results: PredictionResults): DpoOutcome {
  const weights = lossWeights(config)
  const sides = [new SideTotals(), new SideTotals()] as const
  const smoothing = flippedShare(config)
  let pairLoss = 0
  let accuracies = 0
  const rewards = { chosen: 0, rejected: 0 }
  const logps = { chosen: 0, rejected: 0 }
  const margins = pairs.map((pair, b) => {
    const chosen = sides[0].add(results, labelPlaces(rows, batch, b, 0, pair.chosenIds.length))
    const rejected = sides[1].add(results, labelPlaces(rows, batch, b, 1, pair.rejectedIds.length))
    const chosenReward = config.beta * (chosen - (reference.chosen[b] ?? NaN))
    const rejectedReward = config.beta * (rejected - (reference.rejected[b] ?? NaN))
    const margin = chosenReward - rejectedReward
    const averageMargin = chosenReward / pair.chosenIds.length - rejectedReward / pair.rejectedIds.length
    pairLoss +=
      weights.sigmoid * softplus(-margin) +
      weights.robust * (((1 - smoothing) * softplus(-margin) - smoothing * softplus(margin)) / (1 - 2 * smoothing)) +
      weights.hinge * Math.max(0, 1 - margin) +
      weights.ipo * (averageMargin / config.beta - ipoTarget(config)) ** 2 +
      weights.sigmoid_norm * softplus(-averageMargin)
    accuracies += Number(chosenReward > rejectedReward)
    rewards.chosen += chosenReward
    rewards.rejected += rejectedReward
    logps.chosen += chosen
    logps.rejected += rejected
    return margin
  })
  const n = pairs.length
  const [chosen, rejected] = sides
  return {
    loss: pairLoss / n - (weights.sft * logps.chosen) / chosen.tokens,
    margins,
    metrics: {
      entropy: (chosen.entropy + rejected.entropy) / (chosen.tokens + rejected.tokens),
      'logits/chosen': chosen.meanLogit / chosen.tokens,
      'logits/rejected': rejected.meanLogit / rejected.tokens,
      mean_token_accuracy: chosen.correct / chosen.tokens,
      'rewards/chosen': rewards.chosen / n,
      'rewards/rejected': rewards.rejected / n,
      'rewards/accuracies': accuracies / n,
      'rewards/margins': (rewards.chosen - rewards.rejected) / n,
      'logps/chosen': logps.chosen / n,
      'logps/rejected': logps.rejected / n,
    },
  }
}

/** Tokens of a pair as TRL counts them: the prompt twice. */
export function pairTokens(pair: TokenPair): number {
  return 2 * pair.promptIds.length + pair.chosenIds.length + pair.rejectedIds.length
}

/** The average margin at which the ipo loss is zero (Azar et al. 2023, eq. 17; beta is their tau). */
function ipoTarget({ beta }: Pick<DpoConfig, 'beta'>): number {
  return 1 / (2 * beta)
}

function scalar(value: number): Feeds[string] {
  return { data: Float32Array.of(value), dims: [1] }
}

/** Sums over the tokens of one side. */
class SideTotals {
  tokens = 0
  entropy = 0
  meanLogit = 0
  correct = 0

  /** Adds a completion; returns its log-probability. */
  add(results: PredictionResults, places: readonly number[]): number {
    let logp = 0
    for (const place of places) {
      const prediction = Math.floor(place / COLUMNS)
      const label = results.logps[place] ?? NaN
      logp += label
      this.entropy += results.entropy[prediction] ?? NaN
      this.meanLogit += results.meanLogit[prediction] ?? NaN
      this.correct += Number(label >= (results.maxLogp[prediction] ?? NaN))
    }
    this.tokens += places.length
    return logp
  }
}

/** Flat indices into the batch's labels [predictions, 2] of one side of pair b. */
function labelPlaces(rows: readonly PackedRow[], batch: Pick<PackedBatch, 'starts'>, b: number, side: 0 | 1, length: number): number[] {
  const row = rows[b]
  if (!row) throw new Error(`the batch has no row ${b}`)
  return completionPlaces(row, side, length).map(([prediction, label]) => ((batch.starts[b] ?? 0) + prediction) * COLUMNS + label)
}

/** log(1 + exp(x)) = -log sigmoid(-x), without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}
