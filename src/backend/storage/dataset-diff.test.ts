import { expect, test } from 'vitest'
import { anEmptyDatabase } from '../../../tests/support/workspace.ts'
import type { FeedbackRow } from '../../shared/types.ts'
import { diffDatasets } from './dataset-diff.ts'
import { createDataset } from './datasets.ts'

const row = (reply: string, turnIndex: number): FeedbackRow => ({ prompt: [{ role: 'user', content: 'q' }], reply, label: 'dissatisfied', userFeedback: 'no', conversationId: 'c', turnIndex, task: null })

test('rows removed, changed and added in pages, statistics side by side', () => {
  const db = anEmptyDatabase()
  createDataset(db, { name: 'one', kind: 'feedback', rows: [row('a', 2), row('b', 4), row('c', 6)], recipe: {} })
  createDataset(db, { name: 'two', kind: 'feedback', rows: [row('a', 2), row('bb', 4), row('d', 8), row('e', 10)], recipe: {} })
  const diff = diffDatasets(db, { before: 'one', after: 'two', offset: 0, limit: 3 })
  expect(diff.counts).toEqual({ added: 2, removed: 1, changed: 1, same: 1 })
  expect(diff.rows).toEqual([
    { change: 'removed', before: row('c', 6), after: null },
    { change: 'changed', before: row('b', 4), after: row('bb', 4) },
    { change: 'added', before: null, after: row('d', 8) },
  ])
  expect(diffDatasets(db, { before: 'one', after: 'two', offset: 3, limit: 3 }).rows).toEqual([{ change: 'added', before: null, after: row('e', 10) }])
  expect(diff.statistics).toContainEqual({ label: 'rows', group: null, before: 3, after: 4 })
  expect(diff.statistics).toContainEqual({ label: 'reply characters, mean', group: null, before: 1, after: 1.3 })
  expect(() => diffDatasets(db, { before: 'one', after: 'three', offset: 0, limit: 3 })).toThrow('got "three"')
})
