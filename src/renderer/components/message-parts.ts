/** A message cut into prose and code, and into marked and plain parts. Offsets are UTF-16, as everywhere in JavaScript. */

export type Block = { kind: 'prose' | 'code'; language: string; start: number; end: number }
/** `kind` becomes the part's class. */
export type Mark = { start: number; end: number; kind: string }
export type Part = { text: string; mark: string }

/** The marks of a text, wherever it stands. */
export type FindMarks = (text: string) => Mark[]

const TURNS = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g
/**
 * Characters that turn the direction of what follows could show a text as another than it is ("exe.txt" for "txt.exe"):
 * each is shown as ⟲, one for one, so that offsets stay. Templates do it to all they show (vue-templates.ts).
 */
const ONE_TURN = new RegExp(TURNS.source)
export const holdsTurns = (text: string): boolean => ONE_TURN.test(text)
export const withTurnsShown = (text: string): string => (holdsTurns(text) ? text.replace(TURNS, '⟲') : text)
/** JSON that says the same without them. */
export const withTurnsEscaped = (json: string): string => json.replace(TURNS, (turn) => `\\u${turn.charCodeAt(0).toString(16).padStart(4, '0')}`)

const fence = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*$/gm

/** Fenced code as blocks of its own, without its fences; an unclosed fence reaches to the end (replies are cut off). */
export function splitCode(text: string): Block[] {
  const blocks: Block[] = []
  let proseFrom = 0
  const prose = (to: number): void => {
    const [start, end] = trimNewlines(text, proseFrom, to)
    if (end > start) blocks.push({ kind: 'prose', language: '', start, end })
  }
  fence.lastIndex = 0
  for (let open = fence.exec(text); open !== null; open = fence.exec(text)) {
    prose(open.index)
    const [, ticks = '```', language = ''] = open
    const start = Math.min(text.length, open.index + open[0].length + 1)
    const close = new RegExp(`^ {0,3}${ticks[0]}{${ticks.length},}[ \\t]*$`, 'gm')
    close.lastIndex = start
    const closing = start >= text.length ? null : close.exec(text)
    const end = closing ? Math.max(start, closing.index - 1) : text.length
    blocks.push({ kind: 'code', language, start, end })
    proseFrom = closing ? closing.index + closing[0].length : text.length
    fence.lastIndex = proseFrom
    if (!closing) break
  }
  prose(text.length)
  return blocks
}

/** Blank lines around a fence are the fence's. */
function trimNewlines(text: string, start: number, end: number): [number, number] {
  while (start < end && text[start] === '\n') start++
  while (end > start && text[end - 1] === '\n') end--
  return [start, end]
}

/** The text from `start` to `end` as parts; where marks overlap, the first given wins. */
export function markText(text: string, start: number, end: number, marks: readonly Mark[]): Part[] {
  const cuts = new Set([start, end])
  for (const mark of marks) for (const at of [mark.start, mark.end]) if (at > start && at < end) cuts.add(at)
  const sorted = [...cuts].sort((a, b) => a - b)
  return sorted.slice(0, -1).map((from, index) => {
    const to = sorted[index + 1] ?? end
    return { text: text.slice(from, to), mark: marks.find((mark) => mark.start <= from && mark.end >= to)?.kind ?? '' }
  })
}

/** Where the words of a query stand in a text, letter case aside. */
export function findWords(text: string, query: string): Mark[] {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  const lower = text.toLowerCase()
  if (lower.length !== text.length) return []
  const marks: Mark[] = []
  for (const word of new Set(words)) {
    for (let at = lower.indexOf(word); at >= 0 && marks.length < 200; at = lower.indexOf(word, at + word.length)) marks.push({ start: at, end: at + word.length, kind: 'hit' })
  }
  return marks
}
