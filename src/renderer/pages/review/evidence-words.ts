/** Choosing evidence word by word. Offsets are UTF-16, as everywhere in JavaScript. */
export type Span = { start: number; end: number }
/** Indices of words: where choosing began, and where it has come to. */
export type WordRange = { anchor: number; focus: number }

export function wordsOf(text: string): Span[] {
  return [...text.matchAll(/\S+/gu)].map((match) => ({ start: match.index, end: match.index + match[0].length }))
}

/** From the first word of the range to the end of the last; null where there are no words. */
export function spanOf(words: readonly Span[], { anchor, focus }: WordRange): Span | null {
  const [from, to] = [words[Math.min(anchor, focus)], words[Math.max(anchor, focus)]]
  return from && to ? { start: from.start, end: to.end } : null
}

/** The words that a span touches; the first word where there is no span. */
export function rangeOf(words: readonly Span[], span: Span | null): WordRange {
  if (span === null) return { anchor: 0, focus: 0 }
  const anchor = words.findIndex(({ end }) => end > span.start)
  const focus = words.findLastIndex(({ start }) => start < span.end)
  return anchor === -1 || focus < anchor ? { anchor: 0, focus: 0 } : { anchor, focus }
}

/** One step by key: arrows move, with Shift the other end stays; null for any other key. */
export function moveRange(words: readonly Span[], { anchor, focus }: WordRange, key: string, extend: boolean): WordRange | null {
  const last = words.length - 1
  const to = ({ ArrowRight: focus + 1, ArrowLeft: focus - 1, Home: 0, End: last } as Record<string, number>)[key]
  if (to === undefined) return null
  const next = Math.max(0, Math.min(last, to))
  return { anchor: extend ? anchor : next, focus: next }
}
