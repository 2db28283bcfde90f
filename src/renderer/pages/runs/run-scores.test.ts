import { expect, it } from 'vitest'
import { evaluationSubtitle } from './run-scores.ts'

it('the line under a run’s scores names the warmest temperature, and nothing before there is one', () => {
  expect(evaluationSubtitle([], 'task score')).toBe('')
  expect(evaluationSubtitle([{ temperature: 0, n: 20 }, { temperature: 1, n: 24 }], 'task score')).toBe('task score at T = 1, n = 24 prompts, 95 % interval')
})
