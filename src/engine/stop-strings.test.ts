import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { createStopCheck, cutAtStop } from './stop-strings.ts'
import { loadTokenizer } from './tokenizer/tokenizer.ts'

const tokenizer = loadTokenizer(goldenSets()[0]!.folder)
const decode = (ids: readonly number[]): string => tokenizer.decode([...ids], { skipSpecial: true })

describe('stop strings', () => {
  it('are found across the borders of tokens, at the very token that completes them', () => {
    const ids = tokenizer.encode('Plant shelf, towel rail,\n\nUser: trellis for beans')
    const stop = createStopCheck(decode, ['\n\nUser:'])
    const ended = ids.findIndex((_, i) => stop(ids.slice(0, i + 1)))
    expect(ended).toBeGreaterThan(0)
    expect(decode(ids.slice(0, ended + 1))).toContain('\n\nUser:')
    expect(decode(ids.slice(0, ended))).not.toContain('\n\nUser:')
    // It did take several tokens.
    expect(tokenizer.encode('\n\nUser:').length).toBeGreaterThan(1)
  })

  it('are found wherever they stand, whatever stood before, as looking at the whole text finds them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }), fc.string({ unit: 'grapheme', maxLength: 10 }), (before, stop, after) => {
        const ids = [...tokenizer.encode(before + stop), 1, ...tokenizer.encode(after)]
        const check = createStopCheck(decode, [stop])
        const first = ids.findIndex((_, i) => check(ids.slice(0, i + 1)))
        const wanted = ids.findIndex((_, i) => decode(ids.slice(0, i + 1)).includes(stop))
        expect(first).toBe(wanted)
      }),
    )
  })

  it('end the text before the first of them', () => {
    expect(cutAtStop('one two three', ['three', 'two'])).toBe('one ')
    expect(cutAtStop('one two three', ['four'])).toBe('one two three')
    expect(cutAtStop('one', [])).toBe('one')
  })
})
