/** Texts as they were and as they were undone. Pure: every verb returns a new history. */

export type TextHistory = {
  now: string
  /** Newest last. */
  past: readonly string[]
  undone: readonly string[]
  /** The last edit was one character of a word: the next one belongs to it. */
  inWord: boolean
}

const MOST = 500

export const historyOf = (text: string): TextHistory => ({ now: text, past: [], undone: [], inWord: false })

/** A word typed or deleted character by character is one edit; what was undone is gone. */
export function edited(history: TextHistory, text: string): TextHistory {
  if (text === history.now) return history
  const inWord = isOneCharacter(history.now, text)
  const past = inWord && history.inWord ? history.past : [...history.past, history.now].slice(-MOST)
  return { now: text, past, undone: [], inWord }
}

export function undo(history: TextHistory): TextHistory {
  const last = history.past.at(-1)
  return last === undefined ? history : { now: last, past: history.past.slice(0, -1), undone: [...history.undone, history.now], inWord: false }
}

export function redo(history: TextHistory): TextHistory {
  const last = history.undone.at(-1)
  return last === undefined ? history : { now: last, past: [...history.past, history.now], undone: history.undone.slice(0, -1), inWord: false }
}

/** Where `after` differs from `before`: the end of what is new in it. */
export function endOfChange(before: string, after: string): number {
  const start = commonStart(before, after)
  return after.length - Math.min(commonEnd(before, after), Math.min(before.length, after.length) - start)
}

/** One character more or less, and no white space. */
function isOneCharacter(before: string, after: string): boolean {
  if (Math.abs(before.length - after.length) !== 1) return false
  const [shorter, longer] = before.length < after.length ? [before, after] : [after, before]
  const at = commonStart(shorter, longer)
  return shorter.slice(at) === longer.slice(at + 1) && /\S/.test(longer[at] ?? '')
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
