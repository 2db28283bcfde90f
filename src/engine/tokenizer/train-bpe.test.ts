import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeTokenizer } from './tokenizer.ts'
import { trainBpe } from './train-bpe.ts'

const specialTokens = ['<|pad|>', '<|end|>']
const smallest = 256 + specialTokens.length

test('merges the most frequent pair first, ties to the smaller ids', () => {
  // Words: "low" x3, "lower" x2, "newest" x1: lo 5, ow 5 (lo wins: l < o), then low 5, then er … by count and id.
  const { model } = trainBpe(['low', 'low', 'low', 'lower', 'lower', 'newest'], { vocabSize: smallest + 4, specialTokens })
  expect(model.merges).toEqual([['l', 'o'], ['lo', 'w'], ['e', 'r'], ['low', 'er']])
})

test('an overlapping run is merged from the left: aaaaa is aa aa a', () => {
  const { model } = trainBpe(['aaaaa'], { vocabSize: smallest + 2, specialTokens })
  expect(model.merges).toEqual([['a', 'a'], ['aa', 'a']])
})

test('stops when no pair is left', () => {
  const { model } = trainBpe(['ab'], { vocabSize: 1000, specialTokens })
  expect(model.merges).toEqual([['a', 'b']])
  expect(Object.keys(model.vocab)).toHaveLength(smallest + 1)
})

test('special tokens have the first ids and are not torn into merges', () => {
  const json = trainBpe(['<|end|><|end|>x<|end|>'], { vocabSize: smallest + 10, specialTokens })
  expect(json.model.merges).toEqual([])
  expect(makeTokenizer(json).encode('<|end|>x')).toEqual([1, json.model.vocab['x']])
})

test('the same texts give the same bytes', () => {
  const texts = ['the cat sat on the mat', 'the dog sat on the log', 'naïve café 東京 😀']
  const train = () => JSON.stringify(trainBpe(texts, { vocabSize: 300, specialTokens }))
  expect(train()).toBe(train())
})

test('any text survives encoding and decoding', () => {
  const tokenizer = makeTokenizer(trainBpe(['the cat sat on the mat', 'don’t — naïve café 東京'], { vocabSize: 290, specialTokens }))
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  }), { seed: 1, numRuns: 100 })
})

test('a vocabulary too small for all bytes is refused', () => {
  expect(() => trainBpe([], { vocabSize: 100, specialTokens })).toThrow('at least 258')
})
