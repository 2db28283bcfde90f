/**
 * What each of the user's words says by itself, as measures for the trees: the log of the share of dissatisfied among the
 * turns it occurs in against the share among all (the log ratios of naive Bayes; Wang and Manning 2012 give them to a
 * linear model). A turn's measures come from other dialogues than its own, or every rare word would give its turn away.
 */
import type { SparseRows } from './logistic-regression.ts'

export const WORD_MEASURES = 4
/** So many turns with the share of all are added to those of each word. */
const SHRINKAGE = 10
/** Rounded to what a file's 8 bits hold, so that the trees learn from what they will be asked. */
export const ODDS_STEP = 1 / 32
const MOST_STEPS = 127

/** `words[i]` to `ends[i]` are row i's entries that are words of the user's. */
export type WordRows = { rows: SparseRows; words: Int32Array; ends: Int32Array }

/** Log ratio per column from the rows `chosen`; writes every row's measures to `measures` [rows, width] from `at` on, a dialogue's own rows left out. */
export function learnWordOdds({ rows, words, ends }: WordRows, targets: Float64Array, chosen: Int32Array, dialogues: readonly Int32Array[], measures: Float32Array, width: number, at: number): Float32Array {
  const turns = new Float64Array(rows.width)
  const dissatisfied = new Float64Array(rows.width)
  const odds = new Float32Array(rows.width)
  const share = Math.max(chosen.reduce((sum, row) => sum + targets[row]!, 0), 0.5) / chosen.length
  const isChosen = new Uint8Array(words.length)
  for (const row of chosen) isChosen[row] = 1
  const count = (row: number, sign: 1 | -1): void => {
    if (isChosen[row] === 0) return
    for (let k = words[row]!; k < ends[row]!; k++) {
      const column = rows.columns[k]!
      turns[column]! += sign
      dissatisfied[column]! += sign * targets[row]!
    }
  }
  const weigh = (row: number): void => {
    for (let k = words[row]!; k < ends[row]!; k++) {
      const column = rows.columns[k]!
      const says = Math.log((Math.max(0, dissatisfied[column]!) / share + SHRINKAGE) / (turns[column]! + SHRINKAGE))
      odds[column] = ODDS_STEP * Math.max(-MOST_STEPS, Math.min(MOST_STEPS, Math.round(says / ODDS_STEP)))
    }
  }
  for (const row of chosen) count(row, 1)
  for (const own of dialogues) {
    for (const row of own) count(row, -1)
    for (const row of own) weigh(row)
    for (const row of own) takeWordMeasures(odds, rows.columns, words[row]!, ends[row]!, measures, row * width + at)
    for (const row of own) count(row, 1)
  }
  for (const row of chosen) weigh(row)
  return odds
}

/** Sum, mean over a root, most and least of what the words say. Unknown words say nothing. */
export function takeWordMeasures(odds: Float32Array, columns: Int32Array, from: number, to: number, into: Float32Array, at: number): void {
  let [sum, known, most, least] = [0, 0, 0, 0]
  for (let k = from; k < to; k++) {
    const says = odds[columns[k]!]!
    if (says === 0) continue
    known++
    sum += says
    most = Math.max(most, says)
    least = Math.min(least, says)
  }
  into[at] = sum
  into[at + 1] = sum / Math.sqrt(known + 1)
  into[at + 2] = most
  into[at + 3] = least
}
