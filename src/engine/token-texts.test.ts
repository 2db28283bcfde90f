import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { tokenTexts } from './token-texts.ts'
import { loadTokenizer, makeTokenizer } from './tokenizer/tokenizer.ts'

const tokenizers = [join(import.meta.dirname, '..', '..', 'resources', 'base-model'), ...goldenSets().map(({ folder }) => folder)].map(folder => ({ folder, tokenizer: loadTokenizer(folder) }))

describe.each(tokenizers)('token texts of $folder', ({ tokenizer }) => {
  test('joined are the decoded text, whatever stands in it', () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constantFrom('👩‍🔬', 'e\u0301', '\uFFFD', '\uFFFD\uFFFD!', '\u0000', '𝒳', ' ', '\n\n', '漢字', '\uFEFF'))
    fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), pieces => {
      const ids = tokenizer.encode(pieces.join(''))
      const texts = tokenTexts(tokenizer, ids)
      expect(texts).toHaveLength(ids.length)
      expect(texts.join('')).toBe(tokenizer.decode(ids))
    }), { numRuns: 150 })
  })

  test('a character of several tokens belongs to the token that completes it', () => {
    const ids = tokenizer.encode('a🙂b')
    const texts = tokenTexts(tokenizer, ids)
    expect(texts.filter(text => text !== '')).toEqual(['a', '🙂', 'b'])
    // Its first bytes say nothing yet.
    expect(texts.indexOf('🙂')).toBe(ids.length - 2)
    expect(texts.slice(1, -2).every(text => text === '')).toBe(true)
  })
})

test('a decoder that drops the space of a text\'s first token does so once', () => {
  const vocab = Object.fromEntries(['▁', 'h', 'i', '▁hi', 'hi'].map((token, id) => [token, id]))
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false }
  const tokenizer = makeTokenizer({ model: { type: 'BPE', vocab, merges: [['h', 'i'], ['▁', 'hi']] }, pre_tokenizer: metaspace, decoder: metaspace })
  const ids = tokenizer.encode('hi hi hi')
  expect(tokenTexts(tokenizer, ids)).toEqual(['hi', ' hi', ' hi'])
})
