import { expect, test } from 'vitest'
import { binFeatures, binRows, fitTrees, forestOf, weighByTrees } from './boosted-trees.ts'

/** Two features of 400 rows; the target is 1 where exactly one of them is high, which no single question tells. */
const values = Float32Array.from({ length: 800 }, (_, k) => ((k * 7919) % 101) / 101)
const targets = Float64Array.from({ length: 400 }, (_, i) => (values[2 * i]! > 0.5 !== values[2 * i + 1]! > 0.5 ? 1 : 0))
const rows = Int32Array.from(targets.keys())
const options = { trees: 40, learningRate: 0.3, leaves: 8, fewestRows: 5, l2: 1, features: 1, drawnCuts: true }

test('drawn cuts: one seed gives one forest, another seed another, and both tell what only holds together', () => {
  const binned = binRows(values, 2)
  const [one, again, other] = ['1', '1', '2'].map((seed) => fitTrees(binned, targets, rows, { ...options, seed }))
  expect(again).toEqual(one)
  expect(other!.trees.split).not.toEqual(one!.trees.split)
  for (const { start, trees } of [one!, other!]) {
    const right = rows.filter((i) => start + weighByTrees(forestOf(trees), values, 2 * i) > 0 === (targets[i] === 1))
    expect(right.length / rows.length).toBeGreaterThan(0.95)
  }
})

test('features whose values have changed are binned again, the others stay', () => {
  const binned = binRows(values, 2)
  const changed = values.map((value, k) => (k % 2 === 1 ? 1 - value : 5))
  binFeatures(binned, changed, 1)
  const expected = binRows(changed.map((value, k) => (k % 2 === 1 ? value : values[k]!)), 2)
  expect(binned).toEqual(expected)
})
