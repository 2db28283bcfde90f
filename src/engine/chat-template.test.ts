import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadChatTemplate, makeChatTemplate, makeRenderer, truncatePair } from './chat-template.ts'
import type { ChatMessage } from './chat-template.ts'
import { InputError } from './input-error.ts'
import { makeTokenizer } from './tokenizer/tokenizer.ts'
import { trainBpe } from './tokenizer/train-bpe.ts'

const source = "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
const tokens = { bos_token: '<s>', eos_token: '</s>' }
const user = (content: string): ChatMessage => ({ role: 'user', content })
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content })
const render = (template: string, messages = [user('hi')], options = {}) => makeChatTemplate(template, tokens, 'dir', { renderMs: 300 }).render(messages, options)

function caught(work: () => unknown): Error | undefined {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  return undefined
}

const tokenizer = makeTokenizer(trainBpe(['good good bad bad'], { vocabSize: 270, specialTokens: ['<s>', '</s>'] }), tokens)
const renderer = makeRenderer(tokenizer, makeChatTemplate(source, tokens, 'dir'))
const decodePair = (pair: { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }) => [pair.promptIds, pair.chosenIds, pair.rejectedIds].map(ids => tokenizer.decode(ids))

describe('templates', () => {
  test('see the special tokens, the messages and what a row adds', () => {
    expect(render(source, [user(' hi '), assistant('yo')], { addGenerationPrompt: true })).toBe('<s><user>hi</s><assistant>yo</s><assistant>')
    expect(render('{{ tools | length }} {{ style }}', undefined, { tools: '[{"name": "f"}]', chat_template_kwargs: { style: 'terse' } })).toBe('1 terse')
  })

  test('trim as Python does: U+FEFF stays, U+0085 goes, an absent content is nothing', () => {
    expect(render("[{{ messages[0]['content'] | trim }}][{{ messages[0]['content'].strip() }}]", [user(' \u0085\uFEFFa\u001f')])).toBe('[\uFEFFa][\uFEFFa]')
    expect(render("[{{ messages[0]['content'] | trim }}]", [{ role: 'user', content: null }])).toBe('[]')
  })

  test('several by name: tool_use where there are tools, else default', () => {
    const template = makeChatTemplate(new Map([['default', 'plain'], ['tool_use', 'tools']]), tokens, 'dir')
    expect([template.render([user('x')]), template.render([user('x')], { tools: [] }), template.render([user('x')], { tools: [{}] })]).toEqual(['plain', 'plain', 'tools'])
    expect(() => makeChatTemplate(new Map([['rag', '']]), tokens, 'dir').render([user('x')])).toThrow('none named default')
  })

  test('reasoning is found under its other names, keys without a value are absent', () => {
    expect(render("{{ messages[0].reasoning_content }} {{ 'tool_calls' in messages[0] }}", [{ role: 'assistant', content: 'x', thinking: 'hm', tool_calls: null }])).toBe('hm false')
  })

  test.each<[string, string, string, number?]>([
    ['that refuse the messages', "{{ raise_exception('roles must alternate') }}", 'refused the messages: roles must alternate'],
    ['that never end', '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}', 'did not end within 300 ms'],
    ['that would fill memory', '{% for i in range(1000000000) %}{% endfor %}', 'is more than 100000'],
    ['that write without end', '{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}', 'refused the messages: it makes more text and lists than any chat needs', 10_000],
    ['with a list that doubles', '{% set ns = namespace(a=["x"]) %}{% for i in range(64) %}{% set ns.a = ns.a + ns.a %}{% endfor %}', 'it makes more text and lists than any chat needs', 10_000],
    ['that recurse', '{% set ns = namespace(a="x") %}{% for i in range(64) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}', 'refused the messages'],
    ['that are no Jinja', '{% if %}', 'cannot be parsed'],
  ])('%s are a clear error', (_, template, message, renderMs = 300) => {
    const refused = () => makeChatTemplate(template, tokens, 'dir', { renderMs }).render([user('hi')])
    const error = caught(refused)
    expect(error).toBeInstanceOf(InputError)
    expect(error?.message).toContain(message)
    expect(error?.message).toContain('chat template of dir')
  })
})

describe('pairs, as TRL makes them', () => {
  test('of messages: the completion is what follows the generation prompt', () => {
    const pair = renderer.renderPair({ prompt: [user('a')], chosen: [assistant('good')], rejected: [assistant('bad')] })
    expect(decodePair(pair)).toEqual(['<s><user>a</s><assistant>', 'good</s>', 'bad</s>'])
    expect(pair).toMatchObject({ chosenText: '<s><user>a</s><assistant>good</s>', lostPromptEnd: '' })
    expect(pair.promptIds.filter(id => id === tokenizer.bosId)).toHaveLength(1)
  })

  test('of strings: no template, eos appended unless it is there', () => {
    const pair = renderer.renderPair({ prompt: 'a:', chosen: 'good', rejected: 'bad</s>' })
    expect(decodePair(pair)).toEqual(['a:', 'good</s>', 'bad</s>'])
  })

  test('where tokens merge across the boundary the completion begins earlier, on both sides', () => {
    const pair = renderer.renderPair({ prompt: 'a: ', chosen: 'good', rejected: 'bad' })
    expect(decodePair(pair)).toEqual(['a:', ' good</s>', ' bad</s>'])
    expect(pair.lostPromptEnd).toBe(' ')
  })

  test('without prompt: what both sides begin with is the prompt', () => {
    expect(decodePair(renderer.renderPair({ chosen: [user('a'), assistant('good')], rejected: [user('a'), assistant('bad')] }))).toEqual(['<s><user>a</s><assistant>', 'good</s>', 'bad</s>'])
    expect(decodePair(renderer.renderPair({ chosen: 'It is good', rejected: 'It is bad' }))).toEqual(['It is', ' good</s>', ' bad</s>'])
    expect(() => renderer.renderPair({ chosen: [user('a')], rejected: [user('b')] })).toThrow('that begin alike')
  })

  test('mixtures of strings and messages are refused', () => {
    expect(() => renderer.renderPair({ prompt: 'a', chosen: [assistant('b')], rejected: [assistant('c')] })).toThrow('got a mixture')
  })
})

describe('prompts', () => {
  test('end where the assistant begins; strings stay as they are; a last assistant message is continued', () => {
    expect(renderer.renderPrompt([user('a')]).text).toBe('<s><user>a</s><assistant>')
    expect(renderer.renderPrompt('a').ids).toEqual(tokenizer.encode('a'))
    expect(renderer.renderPrompt([user('a'), assistant('I think ')]).text).toBe('<s><user>a</s><assistant>I think')
  })
})

describe('truncation', () => {
  const pair = { promptIds: [1, 2, 3], chosenIds: [4, 5, 6], rejectedIds: [7] }

  test('keep_start cuts each completion and drops a row whose prompt fills everything', () => {
    expect(truncatePair(pair, 5)).toEqual({ promptIds: [1, 2, 3], chosenIds: [4, 5], rejectedIds: [7] })
    expect(truncatePair(pair, null)).toEqual(pair)
    expect(truncatePair(pair, 3)).toBeNull()
  })

  test('keep_end cuts the prompt where both sides lose the same, and refuses otherwise', () => {
    expect(truncatePair({ ...pair, rejectedIds: [7, 8, 9] }, 5, 'keep_end')).toEqual({ promptIds: [2, 3], chosenIds: [4, 5, 6], rejectedIds: [7, 8, 9] })
    expect(truncatePair(pair, 6, 'keep_end')).toEqual(pair)
    expect(() => truncatePair(pair, 5, 'keep_end')).toThrow('keep_end')
  })
})

describe('a folder', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'templates-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const put = (name: string, content: unknown) => writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  const rendered = (options = {}) => loadChatTemplate(folder, tokenizer).render([user('x')], options)

  test.each<[string, unknown]>([
    ['a string', 'from config'],
    ['a list of templates', [{ name: 'tool_use', template: 'tools' }, { name: 'default', template: 'from config' }]],
    ['templates by name', { default: 'from config', tool_use: 'tools' }],
  ])('keeps its template in tokenizer_config.json as %s', (_, template) => {
    put('tokenizer_config.json', { chat_template: template })
    expect(rendered()).toBe('from config')
    if (typeof template !== 'string') expect(rendered({ tools: [{}] })).toBe('tools')
  })

  test('with chat_template.jinja does not look at tokenizer_config.json; further ones have a folder', () => {
    put('tokenizer_config.json', { chat_template: 'from config' })
    put('chat_template.jinja', 'from file')
    mkdirSync(join(folder, 'additional_chat_templates'))
    put('additional_chat_templates/tool_use.jinja', 'tools')
    expect([rendered(), rendered({ tools: [{}] })]).toEqual(['from file', 'tools'])
  })

  test('without a template takes strings, and says what to do about messages', () => {
    expect(() => rendered()).toThrow(`expected a chat template in ${folder} (chat_template.jinja, or chat_template in tokenizer_config.json), found none; add one, or give prompts and completions as strings`)
    expect(makeRenderer(tokenizer, loadChatTemplate(folder, tokenizer)).renderPrompt('plain').text).toBe('plain')
  })

  test.each<[string, () => void, string]>([
    ['a template that is a folder', () => mkdirSync(join(folder, 'chat_template.jinja')), 'expected a chat template, got a folder'],
    ['a folder of templates that is a file', () => put('additional_chat_templates', ''), 'expected a folder of chat templates, could not read'],
    ['a template of millions of characters', () => put('chat_template.jinja', ' '.repeat(5_000_000)), 'expected a chat template of at most 4000000 bytes, got 5000000'],
    ['templates that are none', () => put('tokenizer_config.json', { chat_template: [null] }), 'expected "chat_template" to be a template or a list of {name, template}, got null'],
  ])('with %s is refused', (_, arrange, message) => {
    arrange()
    expect(() => rendered()).toThrow(InputError)
    expect(() => rendered()).toThrow(message)
  })
})
