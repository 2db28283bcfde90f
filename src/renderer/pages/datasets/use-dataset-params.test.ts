import { expect, it } from 'vitest'
import { openDataset, openRow } from './use-dataset-params.ts'

it('another dataset is opened without what was chosen in the one before', () => {
  const params = { name: 'pairs', tab: 'diff', row: 3, at: 'chosen 2', finding: 'duplicate', against: 'feedback' }
  openDataset(params, 'pairs-2')
  expect(params).toEqual({ name: 'pairs-2', tab: 'diff', row: null, at: null, finding: null, against: null })
})

it('a row is opened among the rows, with its token only where it is the same row', () => {
  const params = { tab: 'lint' as const, row: 3, at: 'chosen 2' }
  openRow(params, 3)
  expect(params).toEqual({ tab: 'rows', row: 3, at: 'chosen 2' })
  openRow(params, 4)
  expect(params).toEqual({ tab: 'rows', row: 4, at: null })
})
