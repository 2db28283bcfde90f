import { describe, expect, it } from 'vitest'
import type { ReviewOrder } from '../shared/review.ts'
import type { SignalLabel } from '../shared/types.ts'
import { drawIndices, orderCandidates, resolve, type Candidate, type Vote } from './review.ts'
import { makeRng } from './rng.ts'

describe('what labels of a turn come to', () => {
  const vote = (id: number, label: SignalLabel, pass: Vote['pass'] = 'first'): Vote => ({ id, annotator: `p${id}`, label, pass })

  it('nothing without labels, the label itself where there is one', () => {
    expect(resolve([])).toBeNull()
    expect(resolve([vote(1, 'neutral')])).toMatchObject({ resolution: 'single', vote: { id: 1 } })
  })
  it('the common label where all are equal, by the newest', () => {
    expect(resolve([vote(2, 'neutral', 'second'), vote(1, 'neutral')])).toMatchObject({ resolution: 'agreed', vote: { id: 2 } })
  })
  it('nobody’s label where they differ, even two against one', () => {
    expect(resolve([vote(1, 'neutral'), vote(2, 'neutral'), vote(3, 'satisfied')])).toEqual({ resolution: 'disputed', vote: null })
  })
  it('the last adjudication over everything', () => {
    expect(resolve([vote(1, 'neutral'), vote(4, 'dissatisfied', 'adjudication'), vote(3, 'satisfied', 'adjudication'), vote(5, 'satisfied')])).toMatchObject({ resolution: 'adjudicated', vote: { id: 4 } })
  })
})

describe('the order in which turns are asked for', () => {
  const turn = (name: string, probability: number | null, extra: Partial<Candidate> = {}) => ({ name, probability, categories: [], labels: [], ...extra })
  const names = (candidates: ReturnType<typeof turn>[], order: ReviewOrder, category: string | null = null, seed = 1): string[] => orderCandidates(candidates, { order, category, cutoff: 0.4, rng: makeRng(seed) }).map(({ name }) => name)

  it('uncertain: nearest to the cut-off first, on either side, turns no detector judged last', () => {
    expect(names([turn('far', 0.99), turn('unjudged', null), turn('above', 0.45), turn('at', 0.4), turn('below', 0.3)], 'uncertain')).toEqual(['at', 'above', 'below', 'far', 'unjudged'])
  })
  it('category: those of the category alone, uncertain first', () => {
    const candidates = [turn('a', 0.9, { categories: ['praise'] }), turn('b', 0.4), turn('c', 0.5, { categories: ['humour', 'praise'] })]
    expect(names(candidates, 'category', 'praise')).toEqual(['c', 'a'])
  })
  it('disagreement: unlike labels alone, opposite ones before neighbours', () => {
    const candidates = [turn('near', 0.5, { labels: ['neutral', 'satisfied'] }), turn('none', 0.5, { labels: ['neutral', 'neutral'] }), turn('opposite', 0.5, { labels: ['satisfied', 'dissatisfied'] })]
    expect(names(candidates, 'disagreement')).toEqual(['opposite', 'near'])
  })
  it('random: the same for a seed, another for another seed, and nothing lost', () => {
    const candidates = Array.from({ length: 30 }, (_, i) => turn(String(i), i / 30))
    expect(names(candidates, 'random')).toEqual(names(candidates, 'random'))
    expect(names(candidates, 'random', null, 2)).not.toEqual(names(candidates, 'random'))
    expect(names(candidates, 'random').toSorted()).toEqual(candidates.map(({ name }) => name).toSorted())
  })
})

describe('drawing indices', () => {
  it('gives every index once', () => {
    expect([...drawIndices(200, makeRng(3))].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })
  it('gives each index the same chance to be first', () => {
    const firsts = Array.from({ length: 6000 }, (_, seed) => drawIndices(6, makeRng(seed)).next().value as number)
    // Expected 1000 each, standard deviation 29.
    for (let index = 0; index < 6; index++) expect(Math.abs(firsts.filter((first) => first === index).length - 1000)).toBeLessThan(130)
  })
})
