import { expect, test } from 'vitest'
import type { StepMetrics } from '../engine/engine.ts'
import { countSteps, metricWindow } from './metric-window.ts'

const step = (n: number, loss: number): StepMetrics => ({ step: n, epoch: n / 4, loss, grad_norm: n, learning_rate: 1 / n, num_tokens: 10 * n, 'rewards/margins': loss })
const run = (keys: Partial<Parameters<typeof metricWindow>[0]>, steps: number) => {
  const report = metricWindow({ logging_strategy: 'steps', logging_steps: 10, logging_first_step: false, ...keys }, steps)
  return Array.from({ length: steps }, (_, i) => report(step(i + 1, i))).filter(row => row !== null)
}

test('metrics are means over the steps since the last row; the clock-like ones are the last step\'s', () => {
  expect(run({ logging_steps: 2 }, 5)).toEqual([
    { step: 2, epoch: 0.5, loss: 0.5, grad_norm: 2, learning_rate: 0.5, num_tokens: 20, 'rewards/margins': 0.5 },
    { step: 4, epoch: 1, loss: 2.5, grad_norm: 4, learning_rate: 0.25, num_tokens: 40, 'rewards/margins': 2.5 },
  ])
})

test('logging_steps below 1 is a share of all steps; the first step on request; nothing where logging is off', () => {
  expect(run({ logging_steps: 0.5 }, 6).map(row => row.step)).toEqual([3, 6])
  expect(run({ logging_steps: 4, logging_first_step: true }, 8).map(row => row.step)).toEqual([1, 4, 8])
  expect(run({ logging_strategy: 'no', logging_steps: 1 }, 3)).toEqual([])
})

test('steps are counted as transformers does', () => {
  const keys = { per_device_train_batch_size: 4, gradient_accumulation_steps: 2, num_train_epochs: 1.5, max_steps: -1 }
  expect(countSteps(9, keys)).toBe(3)
  expect(countSteps(9, { ...keys, max_steps: 7 })).toBe(7)
})
