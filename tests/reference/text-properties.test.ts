/** Text to ids and back over random Unicode, and what templates make of random conversations. */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadRenderer, makeChatTemplate, makeRenderer } from '../../src/engine/chat-template.ts'
import type { ChatMessage, PreferenceRow, Renderer } from '../../src/engine/chat-template.ts'
import { InputError } from '../../src/engine/input-error.ts'
import { FIXED } from '../support/random-cases.ts'

const BASE_MODEL = join(import.meta.dirname, '..', '..', 'resources', 'base-model')
const builtIn = loadRenderer(BASE_MODEL)
const { tokenizer } = builtIn

/** Text of everything: words of the built-in world, special tokens, white space, any Unicode, broken UTF-16. */
const text = fc.array(fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.stringMatching(/^[a-z0-9 ,.]{0,8}$/),
  fc.constantFrom('<user>', '<asst>', '<end>', '<', 'asst>', ' ', '\n\n', '\t', '\u0085', '\u00a0', '\uFEFF', 'e\u0301', 'é', '👩‍🔬', '漢字', '\ud800', '\u0000', '½', "don't"),
), { maxLength: 8 }).map(pieces => pieces.join(''))

describe('the built-in tokenizer', () => {
  it('gives back any text, lone surrogates as U+FFFD, in ids of its vocabulary', () => {
    fc.assert(fc.property(text, written => {
      const ids = tokenizer.encode(written)
      expect(tokenizer.decode(ids)).toBe(written.toWellFormed())
      expect(ids.every(id => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)).toBe(true)
    }), { ...FIXED, numRuns: 1500 })
  })

  it('cuts at special tokens: what stands on either side is encoded by itself', () => {
    fc.assert(fc.property(text, text, fc.constantFrom('<user>', '<asst>', '<end>'), (left, right, special) => {
      expect(tokenizer.encode(left + special + right)).toEqual([...tokenizer.encode(left), ...tokenizer.encode(special), ...tokenizer.encode(right)])
    }), { ...FIXED, numRuns: 500 })
  })
})

/** Shapes of the templates that checkpoints come with; the last two render a prompt otherwise once it is answered. */
const TEMPLATES: Record<string, string> = {
  'roles and trim': "{% for m in messages %}{{ '<asst>' if m['role'] == 'assistant' else '<user>' + m['role'] }}{{ m['content'] | trim }}<end>{% endfor %}{% if add_generation_prompt %}<asst>{% endif %}",
  ChatML: "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  'roles must alternate': "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
  'thoughts of the last answer': "{% for m in messages %}<user>{{ m['role'] }} {% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>{% endif %}{{ m['content'] }}<end>{% endfor %}{% if add_generation_prompt %}<user>assistant <think>{% endif %}",
  'another generation prompt': "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: ok, {% endif %}",
}

const conversation = (roles: string[]): fc.Arbitrary<ChatMessage[]> => fc.array(fc.record({ role: fc.constantFrom(...roles), content: text }), { minLength: 1, maxLength: 4 })

/** Undefined where the template refuses. @throws what is not an InputError. */
function renderOrRefuse(renderer: Renderer, row: PreferenceRow): ReturnType<Renderer['renderPair']> | undefined {
  try {
    return renderer.renderPair(row)
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).toMatch(/refused the messages/)
    return undefined
  }
}

describe('a rendered pair', () => {
  const row = fc.oneof(conversation(['user', 'assistant']), conversation(['user', 'assistant', 'system'])).chain(prompt => fc.record({ prompt: fc.constant(prompt), chosen: text, rejected: text }))

  it.each([
    ['the built-in model\'s', ['refused', 'whole']],
    ['roles and trim', ['whole']],
    ['ChatML', ['whole']],
    ['roles must alternate', ['refused', 'whole']],
    ['thoughts of the last answer', ['lost', 'whole']],
    ['another generation prompt', ['lost']],
  ])('is prompt and completion in one piece, of one prompt for both sides: template %s', (name, wanted) => {
    const template = TEMPLATES[name]
    const renderer = template === undefined ? builtIn : makeRenderer(tokenizer, makeChatTemplate(template, tokenizer.specialTokens, 'dir'))
    const outcomes = new Set<string>()
    fc.assert(fc.property(row, ({ prompt, chosen, rejected }) => {
      const answers = { chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] }
      const pair = renderOrRefuse(renderer, { prompt, ...answers })
      outcomes.add(pair ? (pair.lostPromptEnd === '' ? 'whole' : 'lost') : 'refused')
      if (!pair) return
      expect([...pair.promptIds, ...pair.chosenIds]).toEqual(renderer.renderMessages([...prompt, ...answers.chosen]).ids)
      expect([...pair.promptIds, ...pair.rejectedIds]).toEqual(renderer.renderMessages([...prompt, ...answers.rejected]).ids)
      expect(pair.chosenText.toWellFormed()).toBe(tokenizer.decode([...pair.promptIds, ...pair.chosenIds]))
      // What the model is shown when sampling begins with the pair's prompt; what is missing is told.
      const shown = renderer.renderMessages(prompt, { addGenerationPrompt: true }).ids
      expect(shown.slice(0, pair.promptIds.length)).toEqual(pair.promptIds)
      expect(pair.lostPromptEnd === '').toBe(shown.length === pair.promptIds.length)
    }), { ...FIXED, numRuns: 120 })
    expect([...outcomes].sort()).toEqual(wanted)
  })

  it('of strings is theirs with the end token, cut where the tokens of prompt and whole part', () => {
    fc.assert(fc.property(text, text, text, (prompt, chosen, rejected) => {
      const pair = builtIn.renderPair({ prompt, chosen, rejected })
      const end = tokenizer.specialTokens.eos_token ?? ''
      for (const [completion, ids] of [[chosen, pair.chosenIds], [rejected, pair.rejectedIds]] as const) {
        expect([...pair.promptIds, ...ids]).toEqual(tokenizer.encode(prompt + completion + (completion.endsWith(end) ? '' : end)))
        expect(ids.at(-1)).toBe(tokenizer.eosId)
      }
      expect(tokenizer.encode(prompt).slice(0, pair.promptIds.length)).toEqual(pair.promptIds)
    }), { ...FIXED, numRuns: 500 })
  })
})
