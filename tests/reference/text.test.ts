/** Token ids, decoded texts and rendered pairs against Hugging Face tokenizers, Transformers and TRL. */
import { describe, expect, test } from 'vitest'
import { loadRenderer } from '../../src/engine/chat-template.ts'
import type { PreferenceRow } from '../../src/engine/chat-template.ts'
import { goldenSets } from '../support/golden-sets.ts'

type TokenizedText = { text: string; ids: number[]; decoded: string }
type Side = { text: string; prompt_ids: number[]; completion_ids: number[] }

describe.each(goldenSets())('$name', ({ folder, read, readLines }) => {
  const renderer = loadRenderer(folder)

  test.each(read('tokenizer.json') as TokenizedText[])('$text', ({ text, ids, decoded }) => {
    expect(renderer.tokenizer.encode(text)).toEqual(ids)
    expect(renderer.tokenizer.decode(ids)).toBe(decoded)
  })

  test('preference pairs render to TRL\'s texts and ids', () => {
    const rows = readLines('pairs.jsonl') as PreferenceRow[]
    const sides = rows.map(row => {
      const pair = renderer.renderPair(row)
      return {
        chosen: { text: pair.chosenText, prompt_ids: pair.promptIds, completion_ids: pair.chosenIds },
        rejected: { text: pair.rejectedText, prompt_ids: pair.promptIds, completion_ids: pair.rejectedIds },
      }
    })
    const expected = read('score.json') as { chosen: Side; rejected: Side }[]
    const withoutLogps = ({ text, prompt_ids, completion_ids }: Side) => ({ text, prompt_ids, completion_ids })
    expect(sides).toEqual(expected.map(({ chosen, rejected }) => ({ chosen: withoutLogps(chosen), rejected: withoutLogps(rejected) })))
  })
})
