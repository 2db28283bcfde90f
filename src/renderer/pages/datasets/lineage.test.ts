import { expect, test } from 'vitest'
import type { Dataset } from '../../../shared/types.ts'
import { ancestryOf, lineageOf, parentOf } from './lineage.ts'

const dataset = (name: string, recipe: Dataset['recipe'], rows = 3): Dataset => ({ name, kind: 'preference', hash: name, rows, createdAt: '', recipe, statistics: [{ label: 'conversations', value: 7 }], contamination: null, gone: null })

test('from conversations over signals to the rows kept; what nobody counted is left out', () => {
  expect(lineageOf(dataset('a', { lineage: { conversations: 20, signals: 12, candidates: 5 } }))).toEqual([{ label: 'conversations', count: 20 }, { label: 'signals', count: 12 }, { label: 'pairs made', count: 5 }, { label: 'pairs', count: 3 }])
  expect(lineageOf(dataset('a', {}))).toEqual([{ label: 'conversations', count: 7 }, { label: 'pairs', count: 3 }])
})

test('a fix names its parent, a held-out part what it was held out of; the line goes up as far as it is there', () => {
  const [a, b, c] = [dataset('a', {}), dataset('b', { parent: 'a' }), dataset('c', { of: 'b' })]
  expect(parentOf(c)).toBe('b')
  expect(ancestryOf(c, [c, b, a]).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  expect(ancestryOf(c, [c, b]).map(({ name }) => name)).toEqual(['b', 'c'])
  expect(ancestryOf(dataset('x', { parent: 'x' }), [dataset('x', { parent: 'x' })]).length).toBeLessThanOrEqual(2)
})
