/**
 * Text to token ids and back, as Hugging Face's Rust `tokenizers` does it. Wraps @huggingface/tokenizers;
 * where that library differs from the original, tokenizer.json is rewritten before it sees it.
 */
import { join } from 'node:path'
import { Tokenizer as UntypedTokenizer } from '@huggingface/tokenizers'
import { isPresent } from '../entries.ts'
import { InputError } from '../input-error.ts'
import { readJsonObject } from '../json-file.ts'
import { describeJson } from '../json-file.ts'
import { runWithin, TimeLimitExceeded } from '../time-limit.ts'
import { makeDecoder } from './decoder.ts'

export type Tokenizer = {
  /** No special tokens are added; special tokens that stand in the text are recognised. */
  encode(text: string): number[]
  /** With what the tokenizer's post-processor adds (Llama: bos), but never a second bos. */
  encodeWithSpecialTokens(text: string): number[]
  /** Ids outside the vocabulary are left out, bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[], options?: { skipSpecial?: boolean }): string
  /** Highest id + 1. */
  readonly vocabSize: number
  readonly bosId: number | null
  readonly eosId: number | null
  readonly padId: number | null
  /** `bos_token`, `eos_token`, … as chat templates see them. */
  readonly specialTokens: Readonly<Record<string, string>>
}

/** The part of the library used here; its own declarations do not resolve under Node's module rules. */
type Library = {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] }
  token_to_id(token: string): number | undefined
}
const LibraryTokenizer = UntypedTokenizer as unknown as new (tokenizer: Json, config: Json) => Library

type Json = Record<string, unknown>
type AddedToken = Json & { id: number; content: string }

const SPECIAL_TOKEN_KEYS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']

/** Kinds whose library version was compared with the original; others are refused, not guessed. */
const READABLE = {
  model: ['BPE'],
  pre_tokenizer: ['ByteLevel', 'Digits', 'Metaspace', 'Sequence', 'Split'],
  normalizer: ['Lowercase', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Prepend', 'Replace', 'Sequence'],
  post_processor: ['ByteLevel', 'RobertaProcessing', 'Sequence', 'TemplateProcessing'],
}
/** Where a Sequence keeps its parts. */
const SEQUENCES: Record<keyof typeof READABLE, string> = { model: '', pre_tokenizer: 'pretokenizers', normalizer: 'normalizers', post_processor: 'processors' }
const READABLE_SPLIT_BEHAVIORS = ['isolated', 'removed']

/** GPT-2's split, which ByteLevel applies by itself unless use_regex is false. */
export const BYTE_LEVEL_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/** Patterns of tokenizers in use, known to take time in proportion to the text. */
const FAMILIAR_PATTERNS = new Set([
  BYTE_LEVEL_PATTERN,
  // Llama 3, Qwen 2 to 3.
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
])
/** Others could backtrack for ever: far above what the longest document takes. */
const ENCODE_LIMIT_MS = 60_000

/** @throws InputError when tokenizer.json is missing, damaged, or of a kind that would be read wrongly. */
export function loadTokenizer(folder: string): Tokenizer {
  const file = join(folder, 'tokenizer.json')
  if (!isPresent(file)) {
    throw new InputError(`expected tokenizer.json in ${folder}, found none; save the tokenizer there with AutoTokenizer.from_pretrained(…).save_pretrained("${folder}")`)
  }
  const config = ['special_tokens_map.json', 'tokenizer_config.json'].map(name => join(folder, name)).filter(isPresent).map(readJsonObject)
  return makeTokenizer(readJsonObject(file), Object.assign({}, ...config) as Json, file)
}

/** @param where names the tokenizer in errors. */
export function makeTokenizer(tokenizerJson: Json, config: Json = {}, where = 'tokenizer.json', limits: { encodeMs?: number } = {}): Tokenizer {
  for (const part of Object.keys(READABLE) as (keyof typeof READABLE)[]) checkReadable(tokenizerJson[part], part, where)
  const vocabulary = readVocabulary(tokenizerJson, where)
  const specialTokens = readSpecialTokens(config)
  const addedTokens = readAddedTokens(tokenizerJson, config, specialTokens, vocabulary, where)
  const library = construct({ normalizer: null, post_processor: null, decoder: null, ...tokenizerJson, added_tokens: addedTokens, pre_tokenizer: rewritePreTokenizer(tokenizerJson.pre_tokenizer) }, config, where)

  const decodeTokens = makeDecoder(tokenizerJson.decoder, where)
  const tokenOf = new Map([...vocabulary].map(([token, id]) => [id, token]))
  for (const { id, content } of addedTokens) tokenOf.set(id, content)
  const special = new Set(addedTokens.filter(token => token.special === true).map(token => token.id))
  const idOf = (key: string): number | null => {
    const token = specialTokens[key]
    return token === undefined ? null : (library.token_to_id(token) ?? null)
  }
  const bosId = idOf('bos_token')
  // Lone surrogates, which only JavaScript strings can hold, become U+FFFD.
  const isFamiliar = patternsOf([tokenizerJson.pre_tokenizer, tokenizerJson.normalizer]).every(pattern => FAMILIAR_PATTERNS.has(pattern))
  const encode = (text: string, addSpecialTokens: boolean): number[] => {
    const run = () => library.encode(text.toWellFormed(), { add_special_tokens: addSpecialTokens }).ids
    try {
      const ids = isFamiliar ? run() : runWithin(limits.encodeMs ?? ENCODE_LIMIT_MS, run)
      if (ids.every(isId)) return ids
    } catch (error) {
      const reason = error instanceof TimeLimitExceeded ? 'its regular expressions do not end on it' : (error as Error).message.split('\n')[0]
      throw new InputError(`${where} cannot tokenize ${describeJson(text)}: ${reason}`)
    }
    throw new InputError(`${where} cannot tokenize ${describeJson(text)}: a piece of it has no id; is the vocabulary complete?`)
  }
  return {
    encode: text => encode(text, false),
    encodeWithSpecialTokens(text) {
      const ids = encode(text, true)
      return bosId !== null && ids[0] === bosId && ids[1] === bosId ? ids.slice(1) : ids
    },
    decode(ids, { skipSpecial = false } = {}) {
      const shown = skipSpecial ? ids.filter(id => !special.has(id)) : ids
      return decodeTokens(shown.map(id => tokenOf.get(id)).filter(token => token !== undefined))
    },
    vocabSize: tokenOf.size === 0 ? 0 : [...tokenOf.keys()].reduce((a, b) => Math.max(a, b)) + 1,
    bosId,
    eosId: idOf('eos_token'),
    padId: idOf('pad_token'),
    specialTokens,
  }
}

function construct(tokenizerJson: Json, config: Json, where: string): Library {
  try {
    return new LibraryTokenizer(tokenizerJson, config)
  } catch (error) {
    throw new InputError(`${where} cannot be read as a tokenizer: ${(error as Error).message.split('\n')[0]}`)
  }
}

/** Walks `Sequence`s; every part must be of a kind that is known to come out as in the original. */
function checkReadable(part: unknown, kind: keyof typeof READABLE, where: string): void {
  if (part === null || part === undefined) {
    if (kind === 'model') throw new InputError(`${where}: expected a "model", found none; is it a tokenizer.json of Hugging Face tokenizers?`)
    return
  }
  if (!isRecord(part)) throw new InputError(`${where}: expected ${kind} to be an object with a "type", got ${describeJson(part)}`)
  const { type, behavior, dropout } = part
  if (typeof type !== 'string' || !READABLE[kind].includes(type)) {
    throw new InputError(`${where}: ${kind} type ${JSON.stringify(type)} is not supported, expected ${READABLE[kind].join(', ')}; choose a model with a byte-pair tokenizer`)
  }
  if (type === 'Split' && !READABLE_SPLIT_BEHAVIORS.includes(String(behavior).toLowerCase())) {
    throw new InputError(`${where}: Split behaviour ${JSON.stringify(behavior)} is not supported, expected Isolated or Removed`)
  }
  const { pattern } = part
  const isPattern = isRecord(pattern) && (typeof pattern.Regex === 'string' || typeof pattern.String === 'string')
  if ((type === 'Split' || type === 'Replace') && !isPattern) throw new InputError(`${where}: expected ${type}'s "pattern" to be {"Regex": …} or {"String": …}, got ${describeJson(pattern)}`)
  if (typeof dropout === 'number' && dropout > 0) throw new InputError(`${where}: BPE dropout ${dropout} makes token ids random; set "dropout" to null`)
  if (type !== 'Sequence') return
  const key = SEQUENCES[kind]
  const children = part[key]
  if (!Array.isArray(children) || !children.every(isRecord)) throw new InputError(`${where}: expected the Sequence's "${key}" to be a list of objects, got ${describeJson(children)}`)
  for (const child of children) checkReadable(child, kind, where)
}

/**
 * The library's Digits knows ASCII digits alone (Rust: every numeric character), and its ByteLevel writes
 * JavaScript's \s (with U+FEFF, without U+0085). Its Split is right in both: so both become Splits.
 * ByteLevel with add_prefix_space stays, because the space belongs before the split.
 */
function rewritePreTokenizer(part: unknown): unknown {
  if (part === null || part === undefined) return null
  const json = part as Json
  if (json.type === 'Sequence') return { ...json, pretokenizers: (json.pretokenizers as unknown[]).map(rewritePreTokenizer) }
  if (json.type === 'Digits') return isolate(json.individual_digits === true ? String.raw`\p{N}` : String.raw`\p{N}+`)
  if (json.type === 'ByteLevel' && json.use_regex !== false && json.add_prefix_space !== true) {
    return { type: 'Sequence', pretokenizers: [isolate(BYTE_LEVEL_PATTERN), { ...json, use_regex: false }] }
  }
  return json
}

function isolate(pattern: string): Json {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
}

function readVocabulary(tokenizerJson: Json, where: string): Map<string, number> {
  const { vocab, merges } = tokenizerJson.model as Json
  if (!isRecord(vocab) || !Array.isArray(merges)) throw new InputError(`${where}: expected a BPE model with "vocab" and "merges"`)
  const entries = Object.entries(vocab)
  for (const [token, id] of entries) {
    if (!isId(id)) throw new InputError(`${where}: expected the id of token ${JSON.stringify(token)} to be a whole number, got ${describeJson(id)}`)
  }
  return new Map(entries as [string, number][])
}

/** Plain strings (Transformers 5) or serialised AddedTokens (Transformers 4). */
function readSpecialTokens(config: Json): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const key of SPECIAL_TOKEN_KEYS) {
    const value = config[key]
    const content = typeof value === 'object' && value !== null ? (value as Json).content : value
    if (typeof content === 'string') tokens[key] = content
  }
  return tokens
}

/** Those of tokenizer.json, and as Transformers does: those tokenizer_config.json adds, and named special tokens. */
function readAddedTokens(tokenizerJson: Json, config: Json, specialTokens: Record<string, string>, vocabulary: Map<string, number>, where: string): AddedToken[] {
  const tokens = (tokenizerJson.added_tokens ?? []) as AddedToken[]
  if (!Array.isArray(tokens) || !tokens.every(token => isId(token?.id) && typeof token.content === 'string')) {
    throw new InputError(`${where}: expected "added_tokens" to be a list of {id, content}`)
  }
  const all = [...tokens]
  const add = (token: AddedToken): void => {
    if (!all.some(({ content }) => content === token.content)) all.push(token)
  }
  for (const [id, token] of Object.entries((config.added_tokens_decoder ?? {}) as Record<string, AddedToken>)) {
    if (typeof token?.content === 'string' && isId(Number(id))) add({ ...token, id: Number(id) })
  }
  for (const content of Object.values(specialTokens)) {
    const id = vocabulary.get(content)
    if (id !== undefined) add({ id, content, special: true, normalized: false })
  }
  const unread = all.find(token => token.single_word === true && token.content !== '')
  if (unread) throw new InputError(`${where}: added token ${JSON.stringify(unread.content)} asks for single_word, which is not supported; set it to false`)
  return all
}

/** Every regular expression in parts of tokenizer.json. */
function patternsOf(part: unknown): string[] {
  if (Array.isArray(part)) return part.flatMap(patternsOf)
  if (!isRecord(part)) return []
  return Object.entries(part).flatMap(([key, value]) => (key === 'Regex' && typeof value === 'string' ? [value] : patternsOf(value)))
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
