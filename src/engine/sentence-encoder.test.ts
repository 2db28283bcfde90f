import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openSentenceEncoder } from './sentence-encoder.ts'
import { readSentenceFolder } from './sentence-folder.ts'

/** Made by scripts/reference_sentence_encoder.py: sentence-transformers' own figures. */
const reference = join(import.meta.dirname, '..', '..', 'tests', 'reference', 'sentence-encoder')
const expected = JSON.parse(readFileSync(join(reference, 'expected.json'), 'utf8')) as { texts: string[]; ids: number[][]; vectors: number[][]; max_tokens: number }

function aCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drift-sentences-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(reference, folder, { recursive: true })
  return folder
}

test('ids of texts are those of Rust tokenizers, accents, Chinese, control characters and emoji included', () => {
  const { tokenizer, maxTokens } = readSentenceFolder(reference)
  expect(maxTokens).toBe(expected.max_tokens)
  expected.texts.forEach((text, i) => {
    const ids = tokenizer.encodeWithSpecialTokens(text)
    if (ids.length <= maxTokens) expect([text, ids]).toEqual([text, expected.ids[i]])
    else expect(ids.slice(0, maxTokens - 1)).toEqual(expected.ids[i]?.slice(0, -1))
  })
})

test('vectors are those of sentence-transformers to 1e-5, whatever stands beside a text in its batch', async () => {
  const encoder = await openSentenceEncoder(reference, 1)
  onTestFinished(() => encoder.release())
  expect(encoder.dimensions).toBe(32)
  const together = await encoder.encode(expected.texts)
  for (const [i, vector] of expected.vectors.entries()) {
    const [alone] = await encoder.encode([expected.texts[i]!])
    for (const found of [together[i]!, alone!]) expect(Math.max(...vector.map((value, d) => Math.abs(value - found[d]!)))).toBeLessThan(1e-5)
  }
})

test.each<[string, (folder: string) => void, string]>([
  ['no model', (folder) => rmSync(join(folder, 'model.onnx')), 'expected model.onnx (or onnx/model.onnx) in '],
  ['no tokenizer', (folder) => rmSync(join(folder, 'tokenizer.json')), 'expected tokenizer.json in '],
  ['a damaged model', (folder) => writeFileSync(join(folder, 'model.onnx'), readFileSync(join(folder, 'model.onnx')).subarray(0, 5000)), 'expected an ONNX model in '],
  ['a damaged tokenizer', (folder) => writeFileSync(join(folder, 'tokenizer.json'), '{"model":'), 'expected JSON in '],
  ['a tokenizer of another kind', (folder) => writeFileSync(join(folder, 'tokenizer.json'), '{"model":{"type":"Unigram","vocab":[]}}'), 'model type "Unigram" is not supported'],
  ['another normalizer', (folder) => writeFileSync(join(folder, 'tokenizer.json'), '{"model":{"type":"WordPiece","vocab":{}},"normalizer":{"type":"Precompiled"}}'), 'expected normalizer of type BertNormalizer, got "Precompiled"'],
  ['another pooling', (folder) => {
    mkdirSync(join(folder, '1_Pooling'))
    writeFileSync(join(folder, '1_Pooling', 'config.json'), '{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}')
  }, 'expected mean pooling, got pooling_mode_cls_token'],
  ['nothing at all', (folder) => rmSync(folder, { recursive: true }), 'expected a folder of a sentence-embedding model, found nothing at '],
])('a folder with %s says so', async (_, change, message) => {
  const folder = aCopy()
  change(folder)
  await expect(openSentenceEncoder(folder, 1)).rejects.toThrow(message)
})
