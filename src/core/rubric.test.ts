import { expect, test } from 'vitest'
import { countedCategories, DEFAULT_RUBRIC, readRubric, UNSPECIFIED } from './rubric.ts'
import { DISSATISFIED_SIGNS, SATISFIED_SIGNS } from './signal-rules.ts'

test('the rubric that ships has the categories of the rules', () => {
  expect(readRubric(DEFAULT_RUBRIC)).toEqual({ dissatisfied: [...DISSATISFIED_SIGNS], satisfied: [...SATISFIED_SIGNS] })
})

test('names are read as written but for their case, in order, with or without a meaning', () => {
  expect(readRubric('satisfied\n* Fast answer\n\nDissatisfied:\n- Too slow : takes long: very\n- rude')).toEqual({ dissatisfied: ['too slow', 'rude'], satisfied: ['fast answer'] })
})

test.each([
  ['Dissatisfied:\n- slow: takes long\nsomething', /^rubric, line 3: expected "Dissatisfied:", "Satisfied:" or "- category: what it means", got "something"/],
  ['Satisfied:\n- fast', /at least one category under "Dissatisfied:"/],
  ['Dissatisfied:\n- slow\nSatisfied:\n- Slow: a joke', /^rubric, line 4: expected each category once, "slow" stands in line 2 already/],
  ['Dissatisfied:\n- unspecified: no reason', /^rubric, line 2: expected another name than "unspecified"/],
  [`Dissatisfied:\n- ${'x'.repeat(61)}`, /^rubric, line 2: expected a category of at most 60 characters/],
  [`Dissatisfied:\n${Array.from({ length: 41 }, (_, i) => `- c${i}`).join('\n')}`, /expected at most 40 categories, got 41/],
])('what is wrong with a rubric is said: %j', (text, problem) => {
  expect(() => readRubric(text)).toThrow(problem)
})

test('a dissatisfied turn whose decider names no category counts as unspecified, others as what they name', () => {
  expect(countedCategories('dissatisfied', [])).toEqual([UNSPECIFIED])
  expect(countedCategories('dissatisfied', ['rude'])).toEqual(['rude'])
  expect(countedCategories('satisfied', [])).toEqual([])
  expect(countedCategories('neutral', [])).toEqual([])
})
