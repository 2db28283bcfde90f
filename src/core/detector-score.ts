/** How well a detector's probabilities find dissatisfied turns: the figures of dsat/score.py. */

export type ScoredTurn = { probability: number; dissatisfied: boolean; ratings: readonly number[] | null }

export type DetectorFigures = {
  n: number
  positives: number
  /** Step-wise: the sum of recall gained times precision over distinct thresholds; ties are one step. */
  average_precision: number | null
  roc_auc: number | null
  /**
   * With ratings: against the majority of all annotators but one, flagging as many as that one did (mean over
   * annotators, ties dropped). Without: against the labels, flagging as many as there are dissatisfied turns.
   */
  f1: number | null
}

export function scoreDetector(turns: readonly ScoredTurn[]): DetectorFigures {
  const ranked = [...turns].sort((a, b) => b.probability - a.probability)
  const positives = turns.filter(({ dissatisfied }) => dissatisfied).length
  const negatives = turns.length - positives
  let truePositives = 0
  let falsePositives = 0
  let averagePrecision = 0
  let area = 0
  for (let i = 0; i < ranked.length; ) {
    let hits = 0
    let misses = 0
    const { probability } = ranked[i]!
    for (; i < ranked.length && ranked[i]!.probability === probability; i++) {
      if (ranked[i]!.dissatisfied) hits += 1
      else misses += 1
    }
    area += misses * (truePositives + hits / 2)
    truePositives += hits
    falsePositives += misses
    averagePrecision += (hits / positives) * (truePositives / (truePositives + falsePositives))
  }
  return {
    n: turns.length,
    positives,
    average_precision: positives === 0 ? null : averagePrecision,
    roc_auc: positives === 0 || negatives === 0 ? null : area / (positives * negatives),
    f1: f1AtHumanRate(turns),
  }
}

function f1AtHumanRate(turns: readonly ScoredTurn[]): number | null {
  const truths: boolean[] = []
  const scores: number[] = []
  let flagged = 0
  for (const { probability, dissatisfied, ratings } of turns) {
    for (const [rating, others] of leaveOneOut(ratings) ?? [[dissatisfied, dissatisfied] as const]) {
      truths.push(others)
      scores.push(probability)
      if (rating) flagged += 1
    }
  }
  const cut = [...scores].sort((a, b) => b - a)[flagged - 1]
  if (cut === undefined) return null
  const predicted = scores.map((score) => score >= cut)
  const hits = predicted.filter((flag, i) => flag && truths[i]).length
  const precision = hits / predicted.filter(Boolean).length
  const recall = hits / truths.filter(Boolean).length
  return hits === 0 ? 0 : (2 * precision * recall) / (precision + recall)
}

/** Each annotator's word with the majority of the others; ties left out. */
function leaveOneOut(ratings: readonly number[] | null): (readonly [own: boolean, others: boolean])[] | null {
  if (ratings === null) return null
  return ratings.flatMap((own, i) => {
    const others = ratings.filter((_, j) => j !== i)
    const against = 2 * others.filter((rating) => rating < 3).length
    return against === others.length ? [] : [[own < 3, against > others.length] as const]
  })
}
