/**
 * Messages to text to token ids, as Transformers 5 renders chat templates and TRL 1.16's DPOTrainer makes
 * sequences of preference rows.
 */
import { join } from 'node:path'
import { isPresent, listFolder, readPlainText } from './entries.ts'
import { InputError } from './input-error.ts'
import { compileTemplate } from './jinja.ts'
import type { RenderTemplate } from './jinja.ts'
import { describeJson, readJsonObject } from './json-file.ts'
import { loadTokenizer } from './tokenizer/tokenizer.ts'
import type { Tokenizer } from './tokenizer/tokenizer.ts'

export type ChatMessage = { role: string; content?: unknown; [key: string]: unknown }

/** What a row may hand to its template besides the messages. */
export type TemplateExtras = { tools?: unknown; chat_template_kwargs?: Record<string, unknown> }

/** Strings, or lists of messages. Without `prompt`, what chosen and rejected begin with in common is the prompt. */
export type PreferenceRow = TemplateExtras & {
  prompt?: string | ChatMessage[]
  chosen: string | ChatMessage[]
  rejected: string | ChatMessage[]
}

export type RenderedPair = {
  /** Prompt and completion as text. */
  chosenText: string
  rejectedText: string
  promptIds: number[]
  chosenIds: number[]
  rejectedIds: number[]
  /** End of the prompt that the model sees when sampling but not here, because it renders differently; mostly ''. */
  lostPromptEnd: string
}

export type ChatTemplate = {
  /** @throws InputError when the template throws, runs too long, or there is none. */
  render(messages: ChatMessage[], options?: TemplateExtras & { addGenerationPrompt?: boolean }): string
}

export type Renderer = {
  readonly tokenizer: Tokenizer
  /** The whole conversation, or with `addGenerationPrompt` up to where the assistant begins. */
  renderMessages(messages: ChatMessage[], options?: TemplateExtras & { addGenerationPrompt?: boolean }): { text: string; ids: number[] }
  /** Ids to sample from: a string gets no template; a last assistant message is continued. */
  renderPrompt(prompt: string | ChatMessage[], extras?: TemplateExtras): { text: string; ids: number[] }
  renderPair(row: PreferenceRow): RenderedPair
}

export type TruncationMode = 'keep_start' | 'keep_end'

const REASONING_FIELDS = ['reasoning_content', 'thinking', 'reasoning']
const CONTINUE_TAG = 'CONTINUE_FINAL_MESSAGE_TAG '

/** Tokenizer and template of a model folder. */
export function loadRenderer(folder: string): Renderer {
  const tokenizer = loadTokenizer(folder)
  return makeRenderer(tokenizer, loadChatTemplate(folder, tokenizer))
}

export function makeRenderer(tokenizer: Tokenizer, template: ChatTemplate): Renderer {
  // The template writes bos itself where the model wants one, so nothing is added here.
  const renderMessages: Renderer['renderMessages'] = (messages, options) => {
    const text = template.render(messages, options)
    return { text, ids: tokenizer.encode(text) }
  }
  return {
    tokenizer,
    renderMessages,
    renderPrompt(prompt, extras = {}) {
      if (typeof prompt === 'string') return { text: prompt, ids: tokenizer.encodeWithSpecialTokens(prompt) }
      if (prompt.at(-1)?.role !== 'assistant') return renderMessages(prompt, { ...extras, addGenerationPrompt: true })
      const text = renderContinuation(template, prompt, extras)
      return { text, ids: tokenizer.encode(text) }
    },
    renderPair(row) {
      const { prompt, chosen, rejected } = splitImplicitPrompt(row)
      if (typeof prompt === 'string' && typeof chosen === 'string' && typeof rejected === 'string') return renderStrings(tokenizer, prompt, chosen, rejected)
      if (typeof prompt === 'string' || typeof chosen === 'string' || typeof rejected === 'string') {
        throw new InputError('expected prompt, chosen and rejected to be all strings or all message lists, got a mixture')
      }
      const full = (completion: ChatMessage[]) => renderMessages([...prompt, ...completion], row)
      return joinSides(tokenizer, renderMessages(prompt, { ...row, addGenerationPrompt: true }).ids, full(chosen), full(rejected))
    },
  }
}

/**
 * Cuts both sides to `maxLength` tokens as TRL's collator does; null where nothing is left to learn from
 * (TRL drops such rows too).
 * @throws InputError for keep_end with sides cut differently: their prompts would no longer be the same.
 */
export function truncatePair<Pair extends { promptIds: number[]; chosenIds: number[]; rejectedIds: number[] }>(pair: Pair, maxLength: number | null, mode: TruncationMode = 'keep_start'): Pair | null {
  const prompt = pair.promptIds.length
  const longer = prompt + Math.max(pair.chosenIds.length, pair.rejectedIds.length)
  if (maxLength === null) return pair
  if (mode === 'keep_end') {
    if (longer <= maxLength) return pair
    if (pair.chosenIds.length !== pair.rejectedIds.length || longer - maxLength >= prompt) {
      throw new InputError(`truncation_mode keep_end (deprecated in TRL) would cut the two sides' prompts differently (${longer} tokens, max_length ${maxLength}); use keep_start or a larger max_length`)
    }
    return { ...pair, promptIds: pair.promptIds.slice(longer - maxLength) }
  }
  if (prompt >= maxLength) return null
  return { ...pair, chosenIds: pair.chosenIds.slice(0, maxLength - prompt), rejectedIds: pair.rejectedIds.slice(0, maxLength - prompt) }
}

/** The folder's template: chat_template.jinja (and additional_chat_templates/), else tokenizer_config.json's. */
export function loadChatTemplate(folder: string, tokenizer: Tokenizer): ChatTemplate {
  const templates = readTemplates(folder)
  if (templates.size > 0) return makeChatTemplate(templates, tokenizer.specialTokens, folder)
  return {
    render() {
      throw new InputError(`expected a chat template in ${folder} (chat_template.jinja, or chat_template in tokenizer_config.json), found none; add one, or give prompts and completions as strings`)
    },
  }
}

/**
 * @param templates one template, or several by name (`default`, `tool_use`).
 * @param where names the template in errors.
 */
export function makeChatTemplate(templates: string | Map<string, string>, specialTokens: Readonly<Record<string, string>>, where: string, limits: { renderMs?: number } = {}): ChatTemplate {
  const sources = typeof templates === 'string' ? new Map([['default', templates]]) : templates
  const compiled = new Map<string, RenderTemplate>()
  return {
    render(messages, { addGenerationPrompt = false, tools, chat_template_kwargs: variables } = {}) {
      const name = hasTools(tools) && sources.has('tool_use') ? 'tool_use' : 'default'
      const source = sources.get(name)
      if (source === undefined) throw new InputError(`${where} has chat templates named ${[...sources.keys()].join(', ')}, but none named default; add one`)
      const renderTemplate = compiled.get(name) ?? compileTemplate(source, where, limits.renderMs)
      compiled.set(name, renderTemplate)
      return renderTemplate({
        ...specialTokens,
        documents: null,
        ...variables,
        messages: messages.map(plainMessage),
        tools: hasTools(tools) ? parseTools(tools) : null,
        add_generation_prompt: addGenerationPrompt,
      })
    },
  }
}

/** More is no template, and would be parsed for minutes. */
const MAX_TEMPLATE_BYTES = 4_000_000

function readTemplates(folder: string): Map<string, string> {
  const templates = new Map<string, string>()
  const read = (file: string) => readPlainText(file, 'a chat template', MAX_TEMPLATE_BYTES)
  const single = join(folder, 'chat_template.jinja')
  if (isPresent(single)) templates.set('default', read(single))
  const more = join(folder, 'additional_chat_templates')
  for (const name of isPresent(more) ? listFolder(more, 'a folder of chat templates') : []) {
    if (name.endsWith('.jinja')) templates.set(name.slice(0, -'.jinja'.length), read(join(more, name)))
  }
  const configFile = join(folder, 'tokenizer_config.json')
  if (templates.size > 0 || !isPresent(configFile)) return templates
  const inConfig = readJsonObject(configFile).chat_template
  if (inConfig === undefined || inConfig === null) return templates
  if (typeof inConfig === 'string') return templates.set('default', inConfig)
  const named: unknown[] = Array.isArray(inConfig) ? inConfig : Object.entries(inConfig).map(([name, template]) => ({ name, template: template as unknown }))
  for (const item of named) {
    const { name, template } = Object(item) as { name?: unknown; template?: unknown }
    if (typeof name !== 'string' || typeof template !== 'string') throw new InputError(`${configFile}: expected "chat_template" to be a template or a list of {name, template}, got ${describeJson(item)}`)
    templates.set(name, template)
  }
  return templates
}

/** As Transformers: keys without a value are dropped, reasoning is found under all its names. */
function plainMessage(message: ChatMessage): ChatMessage {
  const plain = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null && value !== undefined)) as ChatMessage
  const reasoning = REASONING_FIELDS.map(field => plain[field]).find(value => value !== undefined)
  return reasoning === undefined ? plain : { thinking: reasoning, ...plain, reasoning_content: reasoning }
}

function hasTools(tools: unknown): boolean {
  return Array.isArray(tools) ? tools.length > 0 : typeof tools === 'string' && tools !== '' && tools !== '[]' && tools !== 'null'
}

function parseTools(tools: unknown): unknown {
  if (typeof tools !== 'string') return tools
  try {
    return JSON.parse(tools)
  } catch {
    throw new InputError('expected "tools" to be a list or JSON text of one, got other text')
  }
}

/** Transformers' continue_final_message: everything up to the end of the last message's content. */
function renderContinuation(template: ChatTemplate, messages: ChatMessage[], extras: TemplateExtras): string {
  const last = messages.at(-1)
  if (typeof last?.content !== 'string') throw new InputError('expected the last assistant message, which is to be continued, to have text as its content')
  const rendered = template.render([...messages.slice(0, -1), { ...last, content: last.content + CONTINUE_TAG }], extras)
  const at = rendered.lastIndexOf(CONTINUE_TAG.trim())
  if (at < 0) throw new InputError('the chat template drops the last assistant message, so it cannot be continued; end the prompt with a user message')
  const text = rendered.slice(0, at)
  return rendered.startsWith(CONTINUE_TAG, at) ? text : text.trimEnd()
}

/** TRL's add_eos and its tokenization of plain text, which lets the tokenizer add its special tokens. */
function renderStrings(tokenizer: Tokenizer, prompt: string, chosen: string, rejected: string): RenderedPair {
  const eos = tokenizer.specialTokens.eos_token
  if (eos === undefined) throw new InputError('expected the tokenizer to name an eos_token, which ends completions given as strings; add it to tokenizer_config.json')
  const full = (completion: string) => {
    const text = prompt + (completion.endsWith(eos) ? completion : completion + eos)
    return { text, ids: tokenizer.encodeWithSpecialTokens(text) }
  }
  return joinSides(tokenizer, tokenizer.encodeWithSpecialTokens(prompt), full(chosen), full(rejected))
}

/** The completion begins where the tokens of prompt and prompt+completion part, on either side. */
function joinSides(tokenizer: Tokenizer, prompt: number[], chosen: { text: string; ids: number[] }, rejected: { text: string; ids: number[] }): RenderedPair {
  const length = Math.min(commonPrefixLength(prompt, chosen.ids), commonPrefixLength(prompt, rejected.ids))
  return {
    chosenText: chosen.text,
    rejectedText: rejected.text,
    promptIds: prompt.slice(0, length),
    chosenIds: chosen.ids.slice(length),
    rejectedIds: rejected.ids.slice(length),
    lostPromptEnd: tokenizer.decode(prompt.slice(length)),
  }
}

/** TRL's extract_prompt. */
function splitImplicitPrompt(row: PreferenceRow): { prompt: string | ChatMessage[]; chosen: string | ChatMessage[]; rejected: string | ChatMessage[] } {
  const { prompt, chosen, rejected } = row
  if (prompt !== undefined) return { prompt, chosen, rejected }
  if (typeof chosen !== typeof rejected) throw new InputError('expected chosen and rejected to be both strings or both message lists')
  const isSame = (i: number) => (typeof chosen === 'string' ? chosen[i] === rejected[i] : JSON.stringify(chosen[i]) === JSON.stringify(rejected[i]))
  // At least the last element stays a completion, even if one side is a prefix of the other.
  const limit = Math.min(chosen.length, rejected.length) - 1
  let at = 0
  while (at < limit && isSame(at)) at++
  if (typeof chosen === 'string' && at > 0 && chosen[at - 1] === ' ') at--
  if (at <= 0) throw new InputError('expected a "prompt", or chosen and rejected that begin alike; got neither')
  return { prompt: chosen.slice(0, at), chosen: chosen.slice(at), rejected: rejected.slice(at) }
}

function commonPrefixLength(a: number[], b: number[]): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
