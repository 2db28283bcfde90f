import { readPlainText } from './entries.ts'
import { InputError } from './input-error.ts'

/** Ten times the largest tokenizer.json in use; more would be read into memory for nothing. */
const MAX_JSON_BYTES = 300_000_000
/** Files of models nest to about ten; deeper ones are made to overflow the stack of whoever walks them. */
const MAX_DEPTH = 200

/** @throws InputError unless `file` holds one JSON object. */
export function readJsonObject(file: string): Record<string, unknown> {
  return parseObject(file, text => JSON.parse(text))
}

/**
 * As `readJsonObject`, for writing it again: numbers keep their spelling (10000.0 stays a float, which Python
 * readers tell from an integer). They are opaque to everything but JSON.stringify.
 */
export function readJsonObjectVerbatim(file: string): Record<string, unknown> {
  return parseObject(file, text => (JSON.parse as ParseWithSource)(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined ? rawJson(source) : value)))
}

/** ES2026, in Node since 21; not yet in TypeScript's library. */
type ParseWithSource = (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown
const rawJson = (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON

function parseObject(file: string, parse: (text: string) => unknown): Record<string, unknown> {
  const text = readPlainText(file, 'JSON', MAX_JSON_BYTES)
  checkDepth(text, file)
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw new InputError(`expected JSON in ${file}: ${(error as Error).message.split('\n')[0]}; copy or download it again`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InputError(`expected a JSON object in ${file}, got ${Array.isArray(value) ? 'a list' : describeJson(value)}`)
  return value as Record<string, unknown>
}

/** A value from a file, short enough for a one-line error. */
export function describeJson(value: unknown): string {
  if (Array.isArray(value) && value.length > 8) return `a list of ${value.length}`
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** @throws InputError where brackets outside strings nest too deep. Damaged text is the parser's to complain about. */
export function checkDepth(text: string, where: string): void {
  walkJson(text, depth => {
    if (depth > MAX_DEPTH) throw new InputError(`${where}: expected JSON nested at most ${MAX_DEPTH} deep, got more; this is no file of a model`)
  })
}

/** The first key that an object of valid JSON `text` holds twice: JSON.parse would silently keep the second. */
export function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []
  let repeated: string | undefined
  walkJson(text, (depth, isOpening) => {
    if (isOpening) open[depth - 1] = new Set()
  }, (depth, key) => {
    const keys = open[depth - 1]
    const name = JSON.parse(key) as string
    if (keys?.has(name)) repeated ??= name
    keys?.add(name)
  })
  return repeated
}

/** One pass over JSON text: brackets with the depth they lead to, and strings that a colon follows (in quotes, as they stand). */
function walkJson(text: string, onBracket: (depth: number, isOpening: boolean) => void, onKey?: (depth: number, key: string) => void): void {
  let depth = 0
  // Finds the next character that matters natively: tokenizers have millions of others.
  const next = /["[\]{}]/g
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    const character = found[0]
    if (character === '"') {
      const end = endOfString(text, found.index)
      if (onKey && /^\s*:/.test(text.slice(end, end + 16))) onKey(depth, text.slice(found.index, end))
      next.lastIndex = end
    } else {
      const isOpening = character === '{' || character === '['
      depth += isOpening ? 1 : -1
      onBracket(depth, isOpening)
    }
  }
}

/** Index behind the closing quote of the string that begins at `start`; the text's end where there is none. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return text.length
}
