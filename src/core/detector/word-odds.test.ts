import { expect, test } from 'vitest'
import { learnWordOdds, takeWordMeasures, WORD_MEASURES } from './word-odds.ts'

/** Columns 0 and 1 are words; column 2 stands behind the words and is none. */
const columns = Int32Array.of(0, 1, 2, 0, 2, 1, 2, 0, 1, 2)
const starts = Int32Array.of(0, 3, 5, 7, 10)
const encoded = { rows: { starts, columns, values: new Float32Array(columns.length).fill(1), width: 3 }, words: Int32Array.of(0, 3, 5, 7), ends: Int32Array.of(2, 4, 6, 9) }
const targets = Float64Array.of(1, 0.5, 0, 0.5)
const dialogues = [Int32Array.of(0, 1), Int32Array.of(2), Int32Array.of(3)]
const rounded = (value: number): number => Math.round(32 * value) / 32
const learn = (chosen: Int32Array): { odds: Float32Array; measures: number[][] } => {
  const measures = new Float32Array(4 * WORD_MEASURES)
  const odds = learnWordOdds(encoded, targets, chosen, dialogues, measures, WORD_MEASURES, 0)
  return { odds, measures: starts.subarray(1).reduce<number[][]>((rows, _, i) => [...rows, [...measures.subarray(i * WORD_MEASURES, (i + 1) * WORD_MEASURES)]], []) }
}

test('a word says how much more often its turns were dissatisfied, other features say nothing', () => {
  const { odds } = learn(Int32Array.of(0, 1, 2, 3))
  expect(odds[0]).toBeCloseTo(rounded(Math.log((2 / 0.5 + 10) / (3 + 10))), 6)
  expect(odds[1]).toBeCloseTo(rounded(Math.log((1.5 / 0.5 + 10) / (3 + 10))), 6)
  expect(odds[2]).toBe(0)
})

test("a turn's measures leave its own dialogue out, those of a turn not chosen come from all that are", () => {
  const { measures } = learn(Int32Array.of(0, 1, 2))
  const of = (dissatisfied: number, turns: number): number => rounded(Math.log((dissatisfied / 0.5 + 10) / (turns + 10)))
  expect(measures[1]).toEqual([0, 0, 0, 0])
  expect(measures[0]![0]).toBeCloseTo(of(0, 1), 6)
  expect(measures[3]![0]).toBeCloseTo(of(1.5, 2) + of(1, 2), 6)
})

test('measures are sum, mean over a root, most and least; unknown words count for nothing', () => {
  const into = new Float32Array(WORD_MEASURES)
  takeWordMeasures(Float32Array.of(0, 2, -1, 0.5), Int32Array.of(3, 0, 1, 2), 1, 4, into, 0)
  expect([...into]).toEqual([1, Math.fround(1 / Math.sqrt(3)), 2, -1])
})
