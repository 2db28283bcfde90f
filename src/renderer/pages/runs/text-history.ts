/** Texts as they were and as they were undone. Pure: every verb returns a new history. */

export type TextHistory = {
  now: string
  /** Newest last. */
  past: readonly string[]
  undone: readonly string[]
  /** Where the last edit ended that was one character of a word: the next character there belongs to it. Null after any other edit. */
  word: number | null
}

const MOST = 500

export const historyOf = (text: string): TextHistory => ({ now: text, past: [], undone: [], word: null })

/** A word typed or deleted character by character is one edit; what was undone is gone. */
export function edited(history: TextHistory, text: string): TextHistory {
  if (text === history.now) return history
  const at = placeOfCharacter(history.now, text)
  const added = text.length > history.now.length
  // Typed behind the last one, or deleted before or behind it.
  const goesOn = at !== null && history.word !== null && (at === history.word || (!added && at === history.word - 1))
  const past = goesOn ? history.past : [...history.past, history.now].slice(-MOST)
  return { now: text, past, undone: [], word: at === null ? null : added ? at + 1 : at }
}

export function undo(history: TextHistory): TextHistory {
  const last = history.past.at(-1)
  return last === undefined ? history : { now: last, past: history.past.slice(0, -1), undone: [...history.undone, history.now], word: null }
}

export function redo(history: TextHistory): TextHistory {
  const last = history.undone.at(-1)
  return last === undefined ? history : { now: last, past: [...history.past, history.now], undone: history.undone.slice(0, -1), word: null }
}

/** Where `after` differs from `before`: the end of what is new in it. */
export function endOfChange(before: string, after: string): number {
  const start = commonStart(before, after)
  return after.length - Math.min(commonEnd(before, after), Math.min(before.length, after.length) - start)
}

/** Where one character came or went that is no white space; null where something else changed. */
function placeOfCharacter(before: string, after: string): number | null {
  if (Math.abs(before.length - after.length) !== 1) return null
  const [shorter, longer] = before.length < after.length ? [before, after] : [after, before]
  const at = commonStart(shorter, longer)
  return shorter.slice(at) === longer.slice(at + 1) && /\S/.test(longer[at] ?? '') ? at : null
}

function commonStart(a: string, b: string): number {
  let length = 0
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++
  return length
}

function commonEnd(a: string, b: string): number {
  let length = 0
  while (length < Math.min(a.length, b.length) && a[a.length - 1 - length] === b[b.length - 1 - length]) length++
  return length
}
