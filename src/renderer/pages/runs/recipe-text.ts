/**
 * The recipe's text is the truth; the form reads fields out of it and writes them back, and comments, order and
 * keys it does not know stay as they are.
 */
import { isCollection, isNode, parseDocument, type Document } from 'yaml'

export type FieldPath = readonly string[]
export type FieldValue = string | number | boolean | null | (string | number)[]

/** null where the text is not YAML, with the parser's words. */
export function readRecipe(text: string): { document: Document; error: null } | { document: null; error: { message: string; line: number | null } } {
  const document = parseDocument(text)
  const first = document.errors[0]
  if (first) return { document: null, error: { message: first.message.split('\n')[0] ?? 'not YAML', line: first.linePos?.[0].line ?? null } }
  return { document, error: null }
}

/** undefined where the text leaves the field out: the default holds. */
export function fieldOf(document: Document, path: FieldPath): FieldValue | undefined {
  const value: unknown = document.getIn(path)
  if (value === undefined) return undefined
  const plain: unknown = isNode(value) ? value.toJSON() : value
  return isFieldValue(plain) ? plain : undefined
}

/** Whether a form can hold it. */
export function isFieldValue(value: unknown): value is FieldValue {
  if (Array.isArray(value)) return value.every((part) => typeof part === 'string' || typeof part === 'number')
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** The text with one field set; undefined takes it out, and its map with it when that is left empty. */
export function withField(text: string, path: FieldPath, value: FieldValue | undefined): string {
  const { document } = readRecipe(text)
  if (!document) return text
  if (value === undefined) {
    document.deleteIn(path)
    const parent = path.slice(0, -1)
    const left: unknown = parent.length > 0 ? document.getIn(parent) : null
    if (isNode(left) && 'items' in left && Array.isArray(left.items) && left.items.length === 0) document.deleteIn(parent)
  } else {
    // `warm_start: null` becomes a map when one of its keys is set.
    if (path.length > 1 && document.hasIn(path.slice(0, -1)) && !isCollection(document.getIn(path.slice(0, -1), true))) document.deleteIn(path.slice(0, -1))
    document.setIn(path.map((key) => (/^\d+$/.test(key) ? Number(key) : key)), Array.isArray(value) ? document.createNode(value, { flow: true }) : value)
  }
  return document.toString({ lineWidth: 0 })
}

/** The recipe of a run that begins with another's policy: what is left of its rounds, without the warm start it has had. */
export function fromRound(text: string, { id, rounds }: { id: string; rounds: number }, round: number): string {
  const model = `runs/${id}/models/${round === 0 ? 'warm-start' : `round-${round}`}`
  const begun = withField(withField(text, ['model_name_or_path'], model), ['warm_start'], undefined)
  return withField(begun, ['iterations'], Math.max(1, rounds - round))
}

/** 1-based line of a dotted path, or of the nearest of its parents that the text has. */
export function lineOf(text: string, path: string): number | null {
  const { document } = readRecipe(text)
  if (!document || path === '') return null
  const parts = path.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  for (let length = parts.length; length > 0; length--) {
    const node: unknown = document.getIn(parts.slice(0, length), true)
    if (isNode(node) && node.range) return text.slice(0, node.range[0]).split('\n').length
  }
  return null
}
