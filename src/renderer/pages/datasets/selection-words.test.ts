import { expect, it } from 'vitest'
import { inWords } from './selection-words.ts'

it('a selection reads as what it was chosen by', () => {
  expect(inWords({ filter: { query: 'refund', tag: 'gold', minTurns: 4, maxCharacters: 20_000, from: '2024-03' } })).toBe('words refund · tag gold · messages, at least 4 · characters, at most 20,000 · from 2024-03')
  expect(inWords({ filter: {} })).toBe('all')
  expect(inWords({ filter: { tag: 'gold' }, except: ['a', 'b'] })).toBe('tag gold, but 2 taken out')
  expect([inWords({ ids: ['a'] }), inWords({ ids: Array.from({ length: 1200 }, String) })]).toEqual(['the one selected', 'the 1,200 selected'])
})
