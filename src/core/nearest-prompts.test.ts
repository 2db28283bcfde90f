import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cosineHistogram, nearestPrompts, stacked } from './nearest-prompts.ts'

type Found = { best: number[]; at: number[]; histogram: number[] }
/** Made by scripts/reference_cosine.py: numpy's own figures. */
const { random } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'tests', 'reference', 'cosine.json'), 'utf8')) as { random: { rows: number[][]; prompts: number[][] } & Found }
const rowsOf = (vectors: readonly number[][]): Float32Array => stacked(vectors.map((vector) => Float32Array.from(vector)), 17)

test('the nearest prompt of each row and its cosine are numpy\'s to 1e-6, over several blocks of prompts', () => {
  const { cosine, prompt } = nearestPrompts(rowsOf(random.rows), rowsOf(random.prompts), 17)
  expect([...prompt]).toEqual(random.at)
  random.best.forEach((best, i) => expect(Math.abs(cosine[i]! - best)).toBeLessThan(1e-6))
  expect(cosineHistogram(cosine)).toEqual(random.histogram)
  // 183 prompts: the first 61 of them are the same again, and the first of equal ones counts.
  const thrice = nearestPrompts(rowsOf(random.rows), rowsOf([...random.prompts, ...random.prompts, ...random.prompts]), 17)
  expect([...thrice.prompt]).toEqual(random.at)
  expect([...nearestPrompts(rowsOf(random.rows), rowsOf([...random.prompts.slice(0, 1), ...Array.from({ length: 200 }, () => random.prompts[0]!), ...random.prompts]), 17).cosine]).toEqual([...cosine])
})

test('the ends of the histogram hold what lies beyond', () => {
  expect(cosineHistogram([-1, 0, 0.0499, 0.5, 0.99, 1, 1.0000001])).toEqual([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3])
})
