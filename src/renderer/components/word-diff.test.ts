import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordDiff } from './word-diff.ts'

const side = (before: string, after: string, kinds: string[]): string => wordDiff(before, after).filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text).join('')

describe('wordDiff', () => {
  it('marks what came and what went', () => {
    expect(wordDiff('- tacos\n- ramen', '- curry\n- ramen')).toEqual([
      { text: '- ', kind: 'same' },
      { text: 'tacos', kind: 'removed' },
      { text: 'curry', kind: 'added' },
      { text: '\n- ramen', kind: 'same' },
    ])
  })

  it('does not alternate word by word: a space between changes belongs to both', () => {
    expect(wordDiff('Great question! chili', 'Sure thing! chili')).toEqual([{ text: 'Great question', kind: 'removed' }, { text: 'Sure thing', kind: 'added' }, { text: '! chili', kind: 'same' }])
  })

  it('is one piece for equal texts and nothing for empty ones', () => {
    expect(wordDiff('a b', 'a b')).toEqual([{ text: 'a b', kind: 'same' }])
    expect(wordDiff('', '')).toEqual([])
  })

  it('always gives back both texts', () => {
    const text = fc.array(fc.constantFrom('tacos', 'ramen', ' ', '\n- ', '. ', 'é', '$12', '日本')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(side(before, after, ['same', 'removed'])).toBe(before)
        expect(side(before, after, ['same', 'added'])).toBe(after)
      }),
    )
  })
})
