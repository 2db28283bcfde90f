import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../input-error.ts'
import { loadTokenizer, makeTokenizer } from './tokenizer.ts'
import { trainBpe } from './train-bpe.ts'

const bytes = trainBpe([], { vocabSize: 258, specialTokens: ['<s>', '</s>'] })
const idOfByte = (byte: number) => makeTokenizer(bytes).encode(String.fromCharCode(byte))[0]!

describe('special tokens', () => {
  test('are recognised in text, and hidden when asked', () => {
    const tokenizer = makeTokenizer(bytes, { bos_token: '<s>', eos_token: { content: '</s>' } })
    const ids = tokenizer.encode('a</s>b')
    expect(ids).toEqual([idOfByte(97), 1, idOfByte(98)])
    expect(tokenizer.decode(ids)).toBe('a</s>b')
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('ab')
    expect(tokenizer).toMatchObject({ bosId: 0, eosId: 1, padId: null, vocabSize: 258, specialTokens: { bos_token: '<s>', eos_token: '</s>' } })
  })

  test('named in the configuration alone are special too, as in Transformers', () => {
    const tokenizer = makeTokenizer({ ...bytes, added_tokens: [] }, { eos_token: '</s>' })
    expect(tokenizer.encode('</s>')).toEqual([1])
    const added = makeTokenizer(bytes, { added_tokens_decoder: { 300: { content: '<tool>', special: false } } })
    expect(added.encode('<tool>')).toEqual([300])
    expect(added.vocabSize).toBe(301)
  })

  test('the post-processor\'s bos is added once', () => {
    const template = { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } } }
    const tokenizer = makeTokenizer({ ...bytes, post_processor: template }, { bos_token: '<s>' })
    expect(tokenizer.encode('a')).toEqual([idOfByte(97)])
    expect(tokenizer.encodeWithSpecialTokens('a')).toEqual([0, idOfByte(97)])
    expect(tokenizer.encodeWithSpecialTokens('<s>a')).toEqual([0, idOfByte(97)])
  })
})

describe('where the library differs from Rust tokenizers', () => {
  const merged = (text: string) => {
    const { model } = trainBpe(Array<string>(3).fill(text), { vocabSize: 400, specialTokens: [] })
    return { ...bytes, model: { ...bytes.model, ...model }, added_tokens: [] }
  }

  test('U+0085 is white space and U+FEFF is not', () => {
    const tokenizer = makeTokenizer(merged('a\u0085b \uFEFFc'))
    expect(tokenizer.encode('a\u0085b').map(id => tokenizer.decode([id]))).toEqual(['a', '\u0085', 'b'])
    expect(tokenizer.encode(' \uFEFF').map(id => tokenizer.decode([id]))).toEqual([' \uFEFF'])
  })

  test('Digits knows every numeric character', () => {
    const digits = { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, { type: 'ByteLevel', add_prefix_space: false, use_regex: false }] }
    const tokenizer = makeTokenizer({ ...merged('½½'), pre_tokenizer: digits })
    expect(tokenizer.encode('½½')).toEqual([...tokenizer.encode('½'), ...tokenizer.encode('½')])
  })

  test('a byte-order mark survives decoding', () => {
    const tokenizer = makeTokenizer(bytes)
    expect(tokenizer.decode(tokenizer.encode('\uFEFFa'))).toBe('\uFEFFa')
  })

  test('bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary nothing', () => {
    const tokenizer = makeTokenizer(bytes)
    const half = tokenizer.encode('é').slice(0, 1)
    expect(tokenizer.decode([...half, 9999, ...tokenizer.encode('x')])).toBe('\uFFFDx')
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.encode('')).toEqual([])
  })

  test('byte fallback: a broken run gives one U+FFFD per byte, Metaspace and Strip as in Llama 2', () => {
    const vocab = { '<0xE9>': 0, '<0xC3>': 1, '<0xA9>': 2, '▁a': 3, b: 4 }
    const decoder = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] }
    const tokenizer = makeTokenizer({ model: { type: 'BPE', vocab, merges: [] }, decoder })
    expect(tokenizer.decode([3, 4, 1, 2])).toBe('abé')
    expect(tokenizer.decode([0, 1, 2, 4])).toBe('\uFFFD\uFFFD\uFFFDb')
  })
})

describe('refused', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['an unknown pre-tokenizer', { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'UnicodeScripts' }] } }, 'pre_tokenizer type "UnicodeScripts" is not supported, expected ByteLevel, Digits, Metaspace, Sequence, Split'],
    ['a split behaviour', { pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'MergedWithNext' } }, 'Split behaviour "MergedWithNext"'],
    ['another model', { model: { type: 'Unigram', vocab: [] } }, 'model type "Unigram" is not supported, expected BPE'],
    ['no model', { model: null }, 'expected a "model"'],
    ['an unknown decoder', { decoder: { type: 'WordPiece' } }, 'decoder type "WordPiece"'],
    ['random merges', { model: { ...bytes.model, dropout: 0.1 } }, 'dropout 0.1'],
    ['a part that is no object', { pre_tokenizer: 'ByteLevel' }, 'expected pre_tokenizer to be an object with a "type", got "ByteLevel"'],
    ['a sequence of nothing', { normalizer: { type: 'Sequence', normalizers: 3 } }, `expected the Sequence's "normalizers" to be a list of objects, got 3`],
    ['an unknown normalizer', { normalizer: { type: 'Precompiled' } }, 'normalizer type "Precompiled" is not supported, expected Lowercase'],
    ['a split without pattern', { pre_tokenizer: { type: 'Split', behavior: 'Isolated' } }, `expected Split's "pattern" to be {"Regex": …} or {"String": …}, got undefined`],
    ['a pattern that is none', { pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }, 'cannot be read as a tokenizer'],
    ['broken decoders', { decoder: { type: 'Sequence', decoders: [null] } }, 'expected a decoder to be an object'],
    ['broken added tokens', { added_tokens: [{ content: 'x' }] }, '"added_tokens" to be a list of {id, content}'],
    ['a vocabulary without ids', { model: { ...bytes.model, vocab: { a: 'x' } } }, 'the id of token "a"'],
  ])('%s', (_, change, message) => {
    expect(() => makeTokenizer({ ...bytes, ...change }, {}, 'dir/tokenizer.json')).toThrow(InputError)
    expect(() => makeTokenizer({ ...bytes, ...change }, {}, 'dir/tokenizer.json')).toThrow(`dir/tokenizer.json`)
    expect(() => makeTokenizer({ ...bytes, ...change })).toThrow(message)
  })

  test('a text on which a regular expression does not end', () => {
    const tokenizer = makeTokenizer({ ...bytes, pre_tokenizer: { type: 'Split', pattern: { Regex: '^(a+)+$' }, behavior: 'Isolated' } }, {}, 'dir/tokenizer.json', { encodeMs: 200 })
    expect(tokenizer.encode('a').length).toBe(1)
    expect(() => tokenizer.encode(`${'a'.repeat(50)}b`)).toThrow(InputError)
    expect(() => tokenizer.encode(`${'a'.repeat(50)}b`)).toThrow('dir/tokenizer.json cannot tokenize "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab": its regular expressions do not end on it')
  })

  let folder: string
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'tokenizer-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('a folder without tokenizer.json, and one that is broken', () => {
    expect(() => loadTokenizer(folder)).toThrow(`expected tokenizer.json in ${folder}`)
    writeFileSync(join(folder, 'tokenizer.json'), '{')
    expect(() => loadTokenizer(folder)).toThrow('expected JSON')
  })
})
