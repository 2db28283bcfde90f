/**
 * Tokens to text: the `decoder` part of tokenizer.json, as Rust `tokenizers` runs it. Not the library's,
 * which drops byte-order marks and counts broken UTF-8 differently behind ByteFallback.
 */
import { InputError } from '../input-error.ts'
import { describeJson } from '../json-file.ts'

type Json = Record<string, unknown>
/** Each step maps a list of token texts to a list; the results are joined. */
type DecodeStep = (tokens: string[]) => string[]

const DECODERS: Record<string, (json: Json, where: string) => DecodeStep> = {
  ByteLevel: () => tokens => [decodeUtf8(tokens.flatMap(byteLevelBytes))],
  ByteFallback: () => decodeByteFallback,
  Fuse: () => tokens => [tokens.join('')],
  Metaspace: decodeMetaspace,
  Replace: decodeReplace,
  Strip: decodeStrip,
  Sequence: (json, where) => {
    if (!Array.isArray(json.decoders)) throw new InputError(`${where}: expected the decoder Sequence's "decoders" to be a list, got ${describeJson(json.decoders)}`)
    const steps = (json.decoders as Json[]).map(child => makeDecodeStep(child, where))
    return tokens => steps.reduce((list, step) => step(list), tokens)
  },
}

/**
 * @param json the `decoder` of tokenizer.json; null joins tokens with spaces.
 * @throws InputError for decoders that are not read here.
 */
export function makeDecoder(json: unknown, where: string): (tokens: string[]) => string {
  if (json === null || json === undefined) return tokens => tokens.join(' ')
  const step = makeDecodeStep(json as Json, where)
  return tokens => step(tokens).join('')
}

function makeDecodeStep(json: Json, where: string): DecodeStep {
  if (typeof json !== 'object' || json === null) throw new InputError(`${where}: expected a decoder to be an object with a "type", got ${describeJson(json)}`)
  const make = typeof json.type === 'string' && Object.hasOwn(DECODERS, json.type) ? DECODERS[json.type] : undefined
  if (!make) {
    throw new InputError(`${where}: decoder type ${JSON.stringify(json.type)} is not supported, expected ${Object.keys(DECODERS).join(', ')}; choose a model with a byte-pair tokenizer`)
  }
  return make(json, where)
}

/** GPT-2's table: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and following. */
export const BYTE_TO_CHARACTER: readonly string[] = makeByteTable()
const CHARACTER_TO_BYTE = new Map(BYTE_TO_CHARACTER.map((character, byte) => [character, byte]))

function makeByteTable(): string[] {
  const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

/** A token with characters outside the table (an added token) gives its own UTF-8. */
function byteLevelBytes(token: string): number[] {
  const bytes: number[] = []
  for (const character of token) {
    const byte = CHARACTER_TO_BYTE.get(character)
    if (byte === undefined) return [...new TextEncoder().encode(token)]
    bytes.push(byte)
  }
  return bytes
}

function decodeUtf8(bytes: number[]): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
}

/** Runs of `<0xAB>` tokens become text; a run that is no UTF-8 becomes one U+FFFD per byte. */
function decodeByteFallback(tokens: string[]): string[] {
  const out: string[] = []
  let run: number[] = []
  const flush = () => {
    if (run.length === 0) return
    try {
      out.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)))
    } catch {
      out.push(...run.map(() => '\uFFFD'))
    }
    run = []
  }
  for (const token of tokens) {
    const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1]
    if (hex !== undefined) {
      run.push(parseInt(hex, 16))
    } else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

function decodeMetaspace(json: Json): DecodeStep {
  const replacement = typeof json.replacement === 'string' ? json.replacement : '▁'
  const dropsFirst = json.prepend_scheme === undefined ? json.add_prefix_space !== false : json.prepend_scheme !== 'never'
  return tokens => tokens.map((token, i) => token.replaceAll(replacement, i === 0 && dropsFirst ? '' : ' '))
}

function decodeReplace(json: Json, where: string): DecodeStep {
  const pattern = (json.pattern as Json | undefined)?.String
  const content = json.content
  if (typeof pattern !== 'string' || typeof content !== 'string') throw new InputError(`${where}: decoder Replace is supported with a String pattern, got ${JSON.stringify(json.pattern)}`)
  return tokens => tokens.map(token => token.replaceAll(pattern, () => content))
}

function decodeStrip(json: Json): DecodeStep {
  const content = String(json.content ?? ' ')
  const start = Number(json.start ?? 0)
  const stop = Number(json.stop ?? 0)
  return tokens => tokens.map(token => {
    const characters = [...token]
    let begin = 0
    let end = characters.length
    while (begin < start && characters[begin] === content) begin++
    while (characters.length - end < stop && end > begin && characters[end - 1] === content) end--
    return characters.slice(begin, end).join('')
  })
}
