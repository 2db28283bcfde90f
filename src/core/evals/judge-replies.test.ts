import { describe, expect, it } from 'vitest'
import type { Message } from '../../shared/types.ts'
import { alpacaMessages, comparisonMessages, firstWords, scoreMessages } from './judge-prompts.ts'
import { choiceFromReply, preferenceFromLogprobs, preferenceFromText, scoreFromReply } from './judge-replies.ts'

const p = (...entries: [string, number][]) => entries.map(([token, logprob]) => ({ token, logprob }))

describe('a preference', () => {
  it('is 2 minus the probability of the first answer, turned round where the model came first', () => {
    const alternatives = p(['m', Math.log(0.6)], ['M', Math.log(0.2)], ['The', Math.log(0.1)])
    expect(preferenceFromLogprobs(alternatives, false)).toBeCloseTo(1.25, 12)
    expect(preferenceFromLogprobs(alternatives, true)).toBeCloseTo(1.75, 12)
  })
  it('is whole where only one identifier is among the alternatives, null where none is', () => {
    expect([preferenceFromLogprobs(p(['M', -0.1], ['MM', -3]), true), preferenceFromLogprobs(p(['m', -9], ['The', -0.1]), false), preferenceFromLogprobs(p([' m', -0.1], ['Both', -3]), false)]).toEqual([1, 1, null])
  })
  it('from the text alone is a choice; prose and refusals are none', () => {
    expect([' M\n', 'm', 'm is better', 'I cannot judge that.', ''].map((text) => preferenceFromText(text, false))).toEqual([2, 1, null, null, null])
    expect(preferenceFromText('m', true)).toBe(2)
  })
})

describe('a WildBench reply', () => {
  it('needs JSON with a score from 1 to 10 or one of five choices', () => {
    expect(['{"score": "7"}', '{"score": 10}', '{"score": "11"}', '{"score": "good"}', 'score: 7', '[7]'].map(scoreFromReply)).toEqual([7, 10, null, null, null, null])
    expect(['{"choice": "A++"}', '{"choice": "B+"}', '{"choice": "A=B"}', '{"choice": "A"}', '{}', 'A+'].map(choiceFromReply)).toEqual([{ winner: 'A', extent: 2 }, { winner: 'B', extent: 1 }, { winner: 'tie', extent: 0 }, null, null, null])
  })
})

describe('a prompt', () => {
  const task = { sessionId: 's', conversation: [{ role: 'user', content: 'first' }, { role: 'assistant', content: 'reply' }, { role: 'user', content: 'now {this}' }] as Message[], checklist: ['is short', 'is kind'] }
  const text = (messages: Message[]) => messages.map(({ content }) => content).join('\n')

  it('shows both answers as m and M, in the order given, and whatever they contain stays as it is', () => {
    const shown = text(alpacaMessages('do {output_1}', 'ONE {instruction}', 'TWO'))
    expect(shown).toMatch(/do \{output_1\}[^]*"m"[^]*ONE \{instruction\}[^]*"M"[^]*TWO/)
  })
  it('of WildBench holds history, query, answers and checklist in this order', () => {
    expect(text(scoreMessages(task, 'ANSWER'))).toMatch(/USER: first\n\nASSISTANT: reply[^]*now \{this\}[^]*ANSWER[^]*- is short\n- is kind[^]*"score"/)
    expect(text(comparisonMessages(task, 'AAA', ' '))).toMatch(/AAA[^]*\[This model response is empty\.\][^]*"choice"/)
  })
  it('cuts compared answers after 1000 words, as single spaces part them', () => {
    expect(firstWords('a b  c d', 4)).toBe('a b  c... (truncated)')
    expect(text(comparisonMessages(task, Array(1001).fill('w').join(' '), 'b'))).toContain('w... (truncated)')
    expect(text(scoreMessages(task, Array(1001).fill('w').join(' ')))).not.toContain('(truncated)')
  })
})
