/**
 * Tells quickly that a pattern cannot match a text. Every match of most patterns holds one of a few literal texts; a text
 * that lacks some three characters in a row of each of them is no match (Cox 2012, "Regular Expression Matching with a
 * Trigram Index"). Case is folded and what is no letter, digit or underscore counts as one blank, so that `\b` is one too.
 */

/** A text that a match holds, folded; `ends` where the match may end with it. */
type Literal = { text: string; ends: boolean }
/** One of them is in every match; null where nothing is known. */
type Need = Literal[] | null

/** Shorter texts have no three characters in a row. */
const SHORTEST = 3
const isWord = (character: string): boolean => /[A-Za-z0-9_]/.test(character)

class PatternReader {
  private at = 0
  private readonly source: string
  constructor(source: string) {
    this.source = source
  }

  /** @param bounded a word begins where the first of them does */
  alternatives(bounded: boolean): Need {
    const needs = [this.sequence(bounded)]
    while (this.source[this.at] === '|') {
      this.at += 1
      needs.push(this.sequence(bounded))
    }
    return needs.every((need) => need !== null) ? needs.flat() : null
  }

  private sequence(bounded: boolean): Need {
    const needs: Literal[][] = []
    let run = ''
    /** A word begins, or ended, right here: `\b` was read and its blank is not yet in the run, or is its last. */
    let boundary: 'ahead' | 'behind' | null = bounded ? 'ahead' : null
    const cut = (ends = false): void => {
      if (run !== '') needs.push([{ text: run, ends }])
      run = ''
      boundary = null
    }
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at]!)) {
      const character = this.source[this.at]!
      if (character === '(') {
        const opensWord = run === '' && boundary === 'ahead'
        const need = this.group(opensWord)
        if (need === 'of no width') continue
        cut()
        if (need !== null) needs.push(need)
      } else if (character === '^' || character === '$') {
        this.at += 1
      } else if (this.source.startsWith('\\b', this.at)) {
        this.at += 2
        if (run === '') boundary = 'ahead'
        else if (!run.endsWith(' ')) {
          run += ' '
          boundary = 'behind'
        }
      } else {
        const folded = this.one()
        const quantity = this.quantity()
        if (folded === null || quantity === 'perhaps') {
          cut()
          continue
        }
        if (boundary === 'ahead' && folded !== ' ') run = ' '
        // The blank of a boundary is this very character.
        if (!(boundary === 'behind' && folded === ' ')) run += folded
        boundary = null
        if (quantity === 'often') cut()
      }
    }
    cut(true)
    const known = needs.filter((need) => need.every(({ text }) => text.length >= SHORTEST))
    const shortest = (need: Literal[]): number => Math.min(...need.map(({ text }) => text.length))
    return known.sort((a, b) => shortest(b) - shortest(a) || a.length - b.length)[0] ?? null
  }

  private group(bounded: boolean): Need | 'of no width' {
    const start = this.at + 1
    const kind = /^\?(?::|=|!|<=|<!)/.exec(this.source.slice(start))?.[0] ?? ''
    const read = (opensWord: boolean): Need => {
      this.at = start + kind.length
      const need = this.alternatives(opensWord)
      this.at += 1
      return need
    }
    let need = read(bounded)
    if (kind !== '' && kind !== '?:') return 'of no width'
    const quantity = this.quantity()
    if (quantity === 'perhaps') return null
    // Of several in a row only the first begins there.
    if (quantity === 'often' && bounded) {
      need = read(false)
      this.quantity()
    }
    if (quantity === 'once' && this.source.startsWith('\\b', this.at)) return need && need.map(({ text, ends }) => ({ text: ends && !text.endsWith(' ') ? `${text} ` : text, ends }))
    return need && need.map((literal) => ({ ...literal, ends: false }))
  }

  /** One character, folded; null where it may be one of several. */
  private one(): string | null {
    const character = this.source[this.at]!
    if (character === '[') {
      while (this.source[this.at] !== ']') this.at += this.source[this.at] === '\\' ? 2 : 1
      this.at += 1
      return null
    }
    this.at += character === '\\' ? 2 : 1
    if (character === '.') return null
    if (character !== '\\') return isWord(character) ? character.toLowerCase() : ' '
    const escaped = this.source[this.at - 1]!
    if ('sW'.includes(escaped)) return ' '
    if ('wdSDB'.includes(escaped)) return null
    if (isWord(escaped)) throw new Error(`pattern filter: expected \\b, \\d, \\s, \\w or an escaped sign, got \\${escaped} in ${this.source}`)
    return ' '
  }

  private quantity(): 'once' | 'often' | 'perhaps' {
    const [whole, least] = /^(?:[?*+]|\{(\d+)(?:,\d*)?\})\??/.exec(this.source.slice(this.at)) ?? ['']
    this.at += whole.length
    if (whole === '') return 'once'
    return whole.startsWith('+') || Number(least) > 0 ? 'often' : 'perhaps'
  }
}

/** Of letters, digits and the underscore; 0 is the blank. */
const SYMBOLS = 38
const symbolOf = new Uint8Array(128)
'abcdefghijklmnopqrstuvwxyz0123456789_'.split('').forEach((character, i) => {
  symbolOf[character.charCodeAt(0)] = symbolOf[character.toUpperCase().charCodeAt(0)] = i + 1
})

const symbolAt = (text: string, i: number): number => {
  const code = text.charCodeAt(i)
  return code < 128 ? symbolOf[code]! : 0
}
const gramOf = (first: number, second: number, third: number): number => (first * SYMBOLS + second) * SYMBOLS + third

/** Numbers of the literals' three characters in a row; null where the pattern must be tried. */
export type PatternFilter = readonly (readonly number[])[] | null

/** Throws where the pattern has a part that is not known here. Case is taken to be ignored. */
export function filterOf({ source }: RegExp): PatternFilter {
  const need = new PatternReader(source).alternatives(false)
  return need && need.map(({ text }) => Array.from({ length: text.length - 2 }, (_, i) => gramOf(symbolAt(text, i), symbolAt(text, i + 1), symbolAt(text, i + 2))))
}

/** A pattern that is tried on many texts. */
export type Searched = { pattern: RegExp; filter: PatternFilter }
export const searched = (pattern: RegExp): Searched => ({ pattern, filter: filterOf(pattern) })

/** The three characters in a row of one text at a time. */
export class TextGrams {
  /** Number of the text that had them last. */
  private readonly seen = new Uint32Array(SYMBOLS ** 3)
  private text = 0

  /** A blank stands before and behind it. */
  read(text: string): void {
    this.text += 1
    let [before, last] = [0, symbolAt(text, 0)]
    for (let i = 1; i <= text.length; i++) {
      const symbol = symbolAt(text, i)
      this.seen[gramOf(before, last, symbol)] = this.text
      before = last
      last = symbol
    }
  }

  mayMatch(filter: PatternFilter): boolean {
    if (filter === null) return true
    for (const grams of filter) {
      let isThere = true
      for (let i = 0; i < grams.length && isThere; i++) isThere = this.seen[grams[i]!] === this.text
      if (isThere) return true
    }
    return false
  }
}
