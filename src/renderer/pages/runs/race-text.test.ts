import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type RaceFile, raceSchema } from '../../../shared/race.ts'
import { readDraft, readSeeds, readValue, readValues, writeDraft, writeSeeds, writeValue, writeValues } from './race-text.ts'

describe('seeds', () => {
  it.each([['1-6', [1, 2, 3, 4, 5, 6]], ['1, 2', [1, 2]], ['3 5-7', [3, 5, 6, 7]]])('%s', (text, seeds) => {
    expect(readSeeds(text)).toEqual(seeds)
    expect(readSeeds(writeSeeds(seeds))).toEqual(seeds)
  })
  it.each(['', 'one', '6-1', '1-1000', '1.5', '-3'])('refuses "%s"', (text) => expect(readSeeds(text)).toBeNull())
})

describe('values of a grid', () => {
  it.each([['1e-4, 3e-4', [1e-4, 3e-4]], ['base, round-start', ['base', 'round-start']], ['true, false', [true, false]], ['[1, 2], [3]', [[1, 2], [3]]]])('%s', (text, values) => {
    expect(readValues(text)).toEqual(values)
    expect(readValues(writeValues(values))).toEqual(values)
  })
  it.each(['', '[1', '{a'])('refuses "%s"', (text) => expect(readValues(text)).toBeNull())
})

describe('a value', () => {
  it.each([['1e-5', 1e-5], ['base', 'base'], ['null', null], ['[sigmoid, sft]', ['sigmoid', 'sft']], ['"1"', '1'], ['feedback-{seed}', 'feedback-{seed}']])('%s', (text, value) => {
    expect(readValue(text)).toEqual(value)
    expect(readValue(writeValue(value))).toEqual(value)
  })
  it.each(['', ' ', '[1', '{a'])('refuses "%s"', (text) => expect(readValue(text)).toBeUndefined())
})

describe('the text of a race', () => {
  const draft: RaceFile = {
    name: 'methods: mine', regime: 'equal-pairs', declared: { metric: 'score', temperature: 1, pairs: [['drift', 'spin']] }, seeds: [1, 2],
    members: [{ recipe: 'recipes/drift.yaml', set: {} }, { recipe: 'recipes/spin.yaml', as: 'slow spin', set: { 'training.learning_rate': 1e-5, dataset: 'feedback-{seed}' } }],
  }
  it('is read as what was written', () => {
    const [first, second] = draft.members
    expect(parse(writeDraft(draft))).toEqual({ ...draft, members: [{ recipe: first!.recipe }, second] })
    expect(raceSchema.parse(readDraft(writeDraft(draft)))).toEqual(draft)
  })
  it('keeps its tokens', () => {
    expect(raceSchema.parse(readDraft(writeDraft({ ...draft, regime: 'equal-compute', tokens: 2_000_000 })))).toEqual({ ...draft, regime: 'equal-compute', tokens: 2_000_000 })
  })
  it('keeps its sweep', () => {
    const sweep = { dataset: 'validation', seeds: [101], grid: { 'training.learning_rate': [1e-4, 0.3], reference: ['base', 'round-start'] } }
    expect(writeDraft({ ...draft, sweep })).toContain('    training.learning_rate: [ 0.0001, 0.3 ]')
    expect(raceSchema.parse(readDraft(writeDraft({ ...draft, sweep })))).toEqual({ ...draft, sweep })
    expect(readDraft(writeDraft({ ...draft, sweep: { ...sweep, grid: {} } }))?.sweep?.grid).toEqual({})
  })
  it('is nothing where it is no map', () => {
    expect(readDraft('- a')).toBeNull()
    expect(readDraft('a: [')).toBeNull()
  })
})
