import { expect, test } from 'vitest'
import { diffRows, type KeyedRow } from './dataset-diff.ts'

const row = (text: string, key: string | null = null): KeyedRow => ({ key, text })

test('equal rows are the same wherever they stand, each once', () => {
  expect(diffRows([row('a'), row('b'), row('b')], [row('b'), row('a')])).toEqual({ added: [], removed: [2], changed: [], same: 2 })
})

test('another text of the same turn is a change, of another turn it is one out and one in', () => {
  expect(diffRows([row('a', 't1'), row('b', 't2')], [row('a2', 't1'), row('b', 't3')])).toEqual({ added: [], removed: [], changed: [[0, 0]], same: 1 })
  expect(diffRows([row('a', 't1')], [row('c', 't2')])).toEqual({ added: [0], removed: [0], changed: [], same: 0 })
})

test('two rows of one turn keep apart when one of them leaves', () => {
  expect(diffRows([row('bad', 't'), row('good', 't')], [row('good', 't')])).toEqual({ added: [], removed: [0], changed: [], same: 1 })
})
