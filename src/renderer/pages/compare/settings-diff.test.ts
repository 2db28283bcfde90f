import { expect, it } from 'vitest'
import { differingKeys } from './settings-diff.ts'

it('differingKeys shows only what differs, nested keys with dots, missing ones as missing', () => {
  expect(differingKeys(['recipe: drift\nseed: 1\ntraining: { beta: 0.1, loss_type: [sigmoid, sft] }\nimprove_instruction: again', 'recipe: spin\nseed: 1\ntraining: { beta: 0.2, loss_type: [sigmoid, sft] }'])).toEqual([
    { key: 'recipe', values: ['"drift"', '"spin"'] },
    { key: 'training.beta', values: ['0.1', '0.2'] },
    { key: 'improve_instruction', values: ['"again"', '–'] },
  ])
})

it('differingKeys waits for every recipe', () => {
  expect(differingKeys(['recipe: drift', null])).toBeNull()
})
