import { describe, expect, it } from 'vitest'
import { parseSearch, parseTurns } from './use-conversation-params.ts'

describe('parseSearch', () => {
  it('takes fields out of the words', () => {
    expect(parseSearch('merge signal:dissatisfied intervals model:"gpt 4"')).toEqual({ fields: [['signal', 'dissatisfied'], ['model', 'gpt 4']], words: 'merge intervals' })
  })
  it('leaves other colons alone', () => {
    expect(parseSearch('error: no such file')).toEqual({ fields: [], words: 'error: no such file' })
  })
})

describe('parseTurns', () => {
  it('reads one number, a range and an open end', () => {
    expect([parseTurns('4'), parseTurns('2–3'), parseTurns('1-2'), parseTurns('10+'), parseTurns('17-'), parseTurns('many')]).toEqual([[4, 4], [2, 3], [1, 2], [10, null], [17, null], null])
  })
})
