/**
 * Which characters of a rendered conversation are the messages' own; all others were added by the chat template.
 * Found by rendering once more with a mark in place of every text: what stands between the marks is the template's.
 */
import type { ChatMessage, PreferenceRow, Renderer } from './chat-template.ts'

/** Characters from `start` up to, not with, `end`. */
export type Span = { start: number; end: number }

/** Fields of a message that hold its own words. */
const TEXT_FIELDS = ['content', 'reasoning_content', 'thinking', 'reasoning']
/** Private-use characters, which templates neither trim nor look for. */
const MARK = /\uE000(\d+)\uE001/g
const mark = (n: number): string => `\uE000${n}\uE001`

/**
 * Spans of the messages' own text in `text`, in order. `normalize` is what the tokenizer makes of a piece of text
 * where `text` is as the tokenizer sees it (NFC, lower case).
 */
export function messageSpans(renderer: Renderer, row: PreferenceRow, side: 'chosen' | 'rejected', text: string, normalize: (text: string) => string = same => same): Span[] {
  const completion = row[side]
  const { prompt } = row
  // Plain text has no template: only the end-of-sequence token behind it is not its own.
  if (typeof completion === 'string') return findInOrder(text, [normalize((typeof prompt === 'string' ? prompt : '') + completion)])
  const messages = [...(Array.isArray(prompt) ? prompt : []), ...completion]
  const { marked, texts } = markTexts(messages)
  const pieces = renderer.renderMessages(marked, row).text.split(MARK)
  const literals = pieces.filter((_, i) => i % 2 === 0).map(normalize)
  const contents = pieces.filter((_, i) => i % 2 === 1).map(n => normalize(texts[Number(n)] ?? ''))
  // A template may look into a text and write something else around it; then the texts themselves are searched.
  return findBetween(text, literals, contents) ?? findInOrder(text, contents)
}

function markTexts(messages: readonly ChatMessage[]): { marked: ChatMessage[]; texts: string[] } {
  const texts: string[] = []
  const markText = (text: string): string => (text.trim() === '' ? text : mark(texts.push(text) - 1))
  const markField = (value: unknown): unknown => {
    if (typeof value === 'string') return markText(value)
    if (!Array.isArray(value)) return value
    return value.map((part: unknown) => (isTextPart(part) ? { ...part, text: markText(part.text) } : part))
  }
  const marked = messages.map(message => ({ ...message, ...Object.fromEntries(TEXT_FIELDS.filter(field => message[field] !== undefined).map(field => [field, markField(message[field])])) }))
  return { marked, texts }
}

function isTextPart(part: unknown): part is { text: string } {
  return typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'
}

/** `literals[0] content[0] literals[1] …` from beginning to end; null where the text is not built so. */
function findBetween(text: string, literals: readonly string[], contents: readonly string[]): Span[] | null {
  const spans: Span[] = []
  if (!text.startsWith(literals[0] ?? '')) return null
  let start = literals[0]?.length ?? 0
  for (const [i, content] of contents.entries()) {
    const next = literals[i + 1] ?? ''
    const isLast = i === contents.length - 1
    const fits = (end: number): boolean => text.startsWith(next, end) && (!isLast || end + next.length === text.length)
    // As it is, or trimmed as most templates do; else whatever the template has made of it up to its next words.
    const known = [content, content.trim(), content.trimStart(), content.trimEnd()].find(form => text.startsWith(form, start) && fits(start + form.length))
    const end = known !== undefined ? start + known.length : isLast ? text.length - next.length : next === '' ? -1 : text.indexOf(next, start)
    if (end < start || !fits(end)) return null
    spans.push({ start, end })
    start = end + next.length
  }
  return start === text.length ? spans : null
}

function findInOrder(text: string, contents: readonly string[]): Span[] {
  const spans: Span[] = []
  let from = 0
  for (const content of contents) {
    const form = [content, content.trim()].find(form => form !== '' && text.includes(form, from))
    if (form === undefined) continue
    const start = text.indexOf(form, from)
    from = start + form.length
    spans.push({ start, end: from })
  }
  return spans
}
