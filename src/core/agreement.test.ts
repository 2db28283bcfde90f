import { expect, test } from 'vitest'
import type { SignalLabel } from '../shared/types.ts'
import { cohenKappa, fleissKappa, summarizeAgreement } from './agreement.ts'
import type { Vote } from './review.ts'

let id = 0
const vote = (annotator: string, label: SignalLabel, pass: Vote['pass'] = 'first'): Vote => ({ id: ++id, annotator, label, pass })

test('raters who use one and the same label have no kappa: chance alone explains all', () => {
  expect(cohenKappa([[5, 0, 0], [0, 0, 0], [0, 0, 0]])).toBeNull()
  expect(fleissKappa([[3, 0, 0], [3, 0, 0]])).toBeNull()
})

test('raters who always differ in the same two labels have kappa -1', () => {
  expect(cohenKappa([[0, 5], [5, 0]])?.estimate).toBe(-1)
})

test('unlike numbers of raters count each item by its own pairs of raters', () => {
  // Item 1: 1 of 1 pairs agree; item 2: 1 of 3. Shares 3/5 and 2/5: expected 0.52.
  expect(fleissKappa([[2, 0], [1, 2]])).toBeCloseTo(((1 + 1 / 3) / 2 - 0.52) / 0.48, 12)
})

test('agreement is over turns that both labelled, whatever the order of their names in time', () => {
  const { pairs, annotators, resolutions, fleiss } = summarizeAgreement([
    [vote('ben', 'neutral'), vote('ana', 'neutral', 'second')],
    [vote('ana', 'dissatisfied'), vote('ben', 'satisfied', 'second')],
    [vote('ana', 'dissatisfied')],
  ])
  expect(pairs).toHaveLength(1)
  expect(pairs[0]).toMatchObject({ first: 'ana', second: 'ben', n: 2, raw: { estimate: 0.5 } })
  expect(annotators).toEqual([{ name: 'ana', labels: 3 }, { name: 'ben', labels: 2 }])
  expect(resolutions).toEqual([{ resolution: 'agreed', turns: 1 }, { resolution: 'disputed', turns: 1 }, { resolution: 'single', turns: 1 }])
  expect(fleiss).toBeNull()
})

test('a second look at one’s own label is a rater of its own', () => {
  const { pairs } = summarizeAgreement([[vote('ana', 'neutral'), vote('ana', 'satisfied', 'second')]])
  expect(pairs[0]).toMatchObject({ first: 'ana', second: 'ana, again', n: 1, raw: { estimate: 0 } })
})

test('an adjudication settles a turn and is no rater', () => {
  const { pairs, resolutions } = summarizeAgreement([[vote('ana', 'neutral'), vote('ben', 'satisfied'), vote('eva', 'satisfied', 'adjudication')]])
  expect(resolutions).toEqual([{ resolution: 'adjudicated', turns: 1 }])
  expect(pairs.map(({ first, second }) => `${first} ${second}`)).toEqual(['ana ben'])
})

test('more than two raters get Fleiss’ kappa over every turn that two or more labelled', () => {
  const labels: SignalLabel[] = ['dissatisfied', 'neutral', 'satisfied', 'neutral']
  const { fleiss, pairs } = summarizeAgreement(labels.map((label, i) => [vote('ana', label), vote('ben', label), ...(i < 3 ? [vote('eva', label)] : [])]))
  expect(fleiss).toMatchObject({ raters: 3, n: 4, kappa: { estimate: 1, low: 1, high: 1 } })
  expect(pairs.map(({ n }) => n)).toEqual([4, 3, 3])
})
