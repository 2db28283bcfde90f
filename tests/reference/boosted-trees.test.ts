/** Boosted trees against scikit-learn's HistGradientBoostingClassifier (scripts/reference_trees.py). */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { binRows, fitTrees, forestOf, weighByTrees } from '../../src/core/detector/boosted-trees.ts'

type Reference = { trees: number; leaves: number; fewestRows: number; l2: number; learningRate: number; values: number[][]; targets: number[]; soft: number[]; hard: number[] }
const { values, targets, soft, hard, ...options } = JSON.parse(readFileSync(new URL('boosted-trees.json', import.meta.url), 'utf8')) as Reference
const width = values[0]!.length
const flat = Float32Array.from(values.flat())

test.each([['shares of votes', targets, soft], ['labels', targets.map((share) => (share > 0.5 ? 1 : 0)), hard]])('trees on %s give the log odds of scikit-learn', (_, own, expected) => {
  const { start, trees } = fitTrees(binRows(flat, width), Float64Array.from(own), Int32Array.from(own.keys()), { ...options, features: 1, seed: '1' })
  const apart = expected.map((logOdds, i) => Math.abs(start + weighByTrees(forestOf(trees), flat, i * width) - logOdds))
  expect(trees.roots).toHaveLength(options.trees)
  expect(Math.max(...apart)).toBeLessThan(1e-4)
})
