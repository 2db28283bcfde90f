import { expect, test } from 'vitest'
import type { FeedbackRow } from '../shared/types.ts'
import { mapTexts, textsOf } from './row-texts.ts'

test('a rater’s critique is a text of its row like any other: found, and changed with the rest; a row without one gets none', () => {
  const row: FeedbackRow = { prompt: [{ role: 'user', content: 'ask' }], reply: 'no', label: 'dissatisfied', userFeedback: null, conversationId: 'c', turnIndex: 2, task: null }
  expect(textsOf({ ...row, critique: 'call ana' })).toContain('call ana')
  expect(mapTexts({ ...row, critique: 'call ana' }, (text) => text.toUpperCase())).toMatchObject({ reply: 'NO', critique: 'CALL ANA' })
  expect(mapTexts(row, (text) => text)).toEqual(row)
  expect(Object.keys(mapTexts(row, (text) => text))).not.toContain('critique')
})
