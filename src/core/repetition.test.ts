import { describe, expect, it } from 'vitest'
import { distinctShare, loopShare } from './repetition.ts'

describe('distinctShare', () => {
  it('counts different n-grams over all of them', () => {
    expect(distinctShare([1, 2, 1, 2, 1], 2)).toBe(2 / 4)
    expect(distinctShare([1, 2, 3, 4], 2)).toBe(1)
  })
  it('is null where there is no n-gram', () => expect(distinctShare([1], 2)).toBeNull())
})

describe('loopShare', () => {
  it('is what one token said over and over takes of the reply', () => expect(loopShare([5, 7, 7, 7, 7, 6, 5, 4])).toBe(4 / 8))
  it('finds a loop of several tokens', () => expect(loopShare([9, 1, 2, 3, 1, 2, 3, 1, 2, 3])).toBe(9 / 10))
  it('does not call a word said twice a loop', () => expect(loopShare([1, 1, 2, 3, 2, 3, 4])).toBe(0))
  it('is 0 of an empty reply', () => expect(loopShare([])).toBe(0))
})
