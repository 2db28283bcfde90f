/** A trained classifier at work: probability and label from its weights, reasons and evidence from the rules' signs. */
import type { Message } from '../../shared/types.ts'
import { judgementFrom, readSigns, type Judgement, type Signs } from '../signals.ts'
import { sigmoid } from '../statistics.ts'
import { forestOf, weighByTrees, type Trees } from './boosted-trees.ts'
import { addFeatures, addWordFeatures, FeatureList, MEASURES, takeMeasures, WORDS_AT } from './features.ts'
import { takeWordMeasures } from './word-odds.ts'

/** `weights` and `wordOdds` have one entry per bucket. */
export type Classifier = { intercept: number; weights: Float32Array; wordOdds: Float32Array; trees: Trees; cutoff: number }
/** `known` is a probability that stands in for the classifier's own. */
export type TurnJudge = (messages: readonly Message[], turnIndex: number, known?: number) => Judgement

/** Keeps one list of features for all turns it is given. */
export function classifierJudge({ intercept, weights, wordOdds, trees, cutoff }: Classifier): TurnJudge {
  const list = new FeatureList()
  const measures = new Float32Array(MEASURES)
  const forest = forestOf(trees)
  const weigh = (): number => {
    let sum = 0
    for (let k = 0; k < list.length; k++) sum += weights[list.columns[k]!]! * list.values[k]!
    return sum
  }
  const probabilityOf = (messages: readonly Message[], turnIndex: number, signs: Signs): number => {
    list.clear()
    addFeatures(list, messages, turnIndex, signs)
    const linear = intercept + weigh()
    if (forest.roots.length === 0) return sigmoid(linear)
    takeMeasures(list, messages, turnIndex, signs, measures)
    takeWordMeasures(wordOdds, list.columns, list.words.from, list.words.to, measures, WORDS_AT)
    return sigmoid(linear + weighByTrees(forest, measures))
  }
  return (messages, turnIndex, known) => {
    const signs = readSigns(messages, turnIndex)
    const judgement = judgementFrom(signs, known ?? probabilityOf(messages, turnIndex, signs), cutoff)
    if (judgement.label !== 'dissatisfied' || judgement.evidence !== null) return judgement
    return { ...judgement, evidence: weightiest(sentencesOf(messages[turnIndex]!.content), (sentence) => {
      list.clear()
      addWordFeatures(list, sentence)
      return weigh()
    }) }
  }
}

/** Sentences looked at for evidence where no rule names any. */
const MOST_SENTENCES = 20

function sentencesOf(text: string): { text: string; start: number }[] {
  const sentences: { text: string; start: number }[] = []
  for (const match of text.matchAll(/[^\s.!?][^.!?\n]*[.!?]*/g)) {
    sentences.push({ text: match[0], start: match.index })
    if (sentences.length === MOST_SENTENCES) break
  }
  return sentences
}

function weightiest(sentences: readonly { text: string; start: number }[], weigh: (text: string) => number): Judgement['evidence'] {
  let best: Judgement['evidence'] = null
  let most = -Infinity
  for (const { text, start } of sentences) {
    const weight = weigh(text)
    if (weight <= most) continue
    most = weight
    best = { start, end: start + text.length }
  }
  return best
}
