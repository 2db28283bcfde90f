/**
 * WordPiece tokenizers of BERT and its kin, for sentence embeddings. Wraps @huggingface/tokenizers for the kinds whose
 * ids were compared with Rust `tokenizers`; others are refused, not guessed.
 */
import { Tokenizer as UntypedTokenizer } from '@huggingface/tokenizers'
import { InputError } from '../input-error.ts'
import { describeJson } from '../json-file.ts'

type Json = Record<string, unknown>
type Library = { encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] } }
const LibraryTokenizer = UntypedTokenizer as unknown as new (tokenizer: Json, config: Json) => Library

/** Text to ids, without and with what stands around every text ([CLS] … [SEP]). */
export type SentenceTokenizer = { encode(text: string): number[]; encodeWithSpecialTokens(text: string): number[] }

const READABLE = { model: ['WordPiece'], normalizer: ['BertNormalizer'], pre_tokenizer: ['BertPreTokenizer'], post_processor: ['TemplateProcessing', 'BertProcessing', 'RobertaProcessing'] } as const

/** @param where names the file in errors. @throws InputError */
export function makeWordPiece(json: Json, config: Json, where: string): SentenceTokenizer {
  for (const [part, kinds] of Object.entries(READABLE)) {
    const type = (json[part] as Json | null | undefined)?.type
    if (typeof type !== 'string' || !(kinds as readonly string[]).includes(type)) throw new InputError(`${where}: expected ${part} of type ${kinds.join(' or ')}, got ${describeJson(type ?? null)}; choose a BERT-like model (all-MiniLM-L6-v2, for example)`)
  }
  let library: Library
  try {
    library = new LibraryTokenizer(json, config)
    library.encode('a', { add_special_tokens: true })
  } catch (error) {
    throw new InputError(`${where} cannot be read as a tokenizer: ${(error as Error).message.split('\n')[0]}; copy or download it again`)
  }
  // Lone surrogates, which only JavaScript strings can hold, become U+FFFD.
  const encode = (text: string, special: boolean): number[] => library.encode(text.toWellFormed(), { add_special_tokens: special }).ids
  return { encode: (text) => encode(text, false), encodeWithSpecialTokens: (text) => encode(text, true) }
}
