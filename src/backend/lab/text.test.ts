import { describe, expect, it } from 'vitest'
import { fakeText } from '../../../tests/support/fake-engine.ts'
import type { Message, Pair } from '../../shared/types.ts'
import { fitPrompt, replyIds, replyText, tokenizePairs } from './text.ts'

// In the fake text a character is a token, a message has three more ("u:" and its end), and "a:" asks for a reply.
const { renderer } = fakeText
const shown = (messages: Message[], maxTokens: number): string => renderer.tokenizer.decode(fitPrompt(messages, maxTokens, renderer).ids, { skipSpecial: false }).replaceAll('\u0000', '|')
const dialogue: Message[] = [
  { role: 'user', content: 'a first question' },
  { role: 'assistant', content: 'a poor reply' },
  { role: 'user', content: 'no! Please improve.' },
]

describe('a prompt too long', () => {
  it('is left alone where it fits', () => {
    expect(shown(dialogue, 58)).toBe('u:a first question|a:a poor reply|u:no! Please improve.|a:')
    expect(fitPrompt(dialogue, 58, renderer).cut).toBe(0)
  })

  it('loses its oldest words and keeps the instruction at its end', () => {
    expect(shown(dialogue, 50)).toBe('u:question|a:a poor reply|u:no! Please improve.|a:')
    expect(shown(dialogue, 36)).toBe('u:|a: reply|u:no! Please improve.|a:')
    expect(fitPrompt(dialogue, 50, renderer)).toMatchObject({ cut: 8, dropped: 0 })
  })

  it('drops an exchange of which nothing is left', () => {
    expect(shown(dialogue, 24)).toBe('u:no! Please improve.|a:')
    expect(fitPrompt(dialogue, 24, renderer)).toMatchObject({ dropped: 2 })
    expect(shown(dialogue, 20)).toBe('u:Please improve.|a:')
  })

  it('keeps what the system was told', () => {
    expect(shown([{ role: 'system', content: 'be brief' }, ...dialogue], 40)).toBe('s:be brief|u:no! Please improve.|a:')
  })

  it('does not cut a character in two', () => {
    const { ids } = fitPrompt([{ role: 'user', content: '😀😀ab' }], 8, renderer)
    expect(renderer.tokenizer.decode(ids).isWellFormed()).toBe(true)
  })

  it('is refused where not even the frame fits', () => {
    expect(() => fitPrompt([{ role: 'system', content: 'a long instruction' }, ...dialogue], 10, renderer)).toThrow(/max_prompt_tokens 10, but system messages and template alone take/)
  })
})

describe('pairs', () => {
  const pair = (prompt: string, chosen: string, rejected: string): Pair => ({ prompt: [{ role: 'user', content: prompt }], chosen, rejected, task: null, provenance: { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: null, seed: null } })

  it('are cut at the end of the longer side, and left out where the prompt alone fills the room', () => {
    const { tokens, dropped, cut } = tokenizePairs(fakeText, [pair('hi', 'yes', 'no, never'), pair('a long request', 'a', 'b')], 12)
    expect({ dropped, cut }).toEqual({ dropped: 1, cut: 1 })
    expect(tokens.map(({ promptIds, chosenIds, rejectedIds }) => [promptIds.length, chosenIds.length, rejectedIds.length])).toEqual([[7, 4, 5]])
  })
})

describe('a reply', () => {
  it('is the text without the token that ended it', () => {
    expect(replyText(fakeText, [104, 105, 0], 'stop')).toBe('hi')
    expect(replyText(fakeText, [104, 105], 'length')).toBe('hi')
  })

  it('too long for the reward head loses its beginning: the last token is what is read', () => {
    expect(renderer.tokenizer.decode(replyIds(fakeText, [{ role: 'user', content: 'a request' }], 'fine', 6))).toBe(':fine\u0000')
  })
})
