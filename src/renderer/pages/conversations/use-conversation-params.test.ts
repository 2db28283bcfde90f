import { expect, it } from 'vitest'
import { readableValue } from './use-conversation-params.ts'

it('ranges read as people write them', () => {
  expect([readableValue('turns', '3..4'), readableValue('turns', '17..'), readableValue('turns', '..6'), readableValue('turns', '6')]).toEqual(['3–4', '17+', 'up to 6', '6'])
  expect([readableValue('length', '2000..7999'), readableValue('date', '2024-03..'), readableValue('model', 'a..b')]).toEqual(['2,000–7,999', 'from 2024-03', 'a..b'])
})
