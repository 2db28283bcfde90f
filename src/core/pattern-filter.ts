/**
 * Tells quickly which of many patterns cannot match a text. Every match of most patterns holds one of a few literal texts:
 * they are looked for all at once, each where a rare three characters in a row of its own stand. Case is folded and what is
 * no letter, digit or underscore counts as one blank, so that `\b` is one too.
 */
import type { TextCodes } from './text-codes.ts'

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

/** Of letters, digits and the underscore, the more frequent ones in English first; 0 is the blank. */
const symbolOf = new Uint8Array(128)
'etaoinshrdlucmfwygpbvkxjqz0123456789_'.split('').forEach((character, i) => {
  symbolOf[character.charCodeAt(0)] = symbolOf[character.toUpperCase().charCodeAt(0)] = i + 1
})
/** Three symbols in a row as a number of 18 bits; a further one pushes the first out. */
const GRAMS = 2 ** 18
const gramWith = (gram: number, symbol: number): number => ((gram << 6) | symbol) & (GRAMS - 1)

/** Texts of which every match holds one, folded; null where nothing is known. Throws where the pattern has a part that is not known here. Case is taken to be ignored. */
export function literalsOf({ source }: RegExp): string[] | null {
  const need = new PatternReader(source).alternatives(false)
  return need && [...new Set(need.map(({ text }) => text))]
}

/** `key`: which three characters of its symbols are looked for; `patterns`: the numbers of those that it may be of. */
type Keyed = { symbols: Uint8Array; key: number; patterns: number[] }

/** Of a list of patterns. */
export class PatternFilter {
  /** 1 for a pattern that must be tried on every text. */
  private readonly tried: Uint8Array
  /** A bit for three symbols in a row: whether `keyed` has them. It stays in the processor's nearest memory, where a list each would not. */
  private readonly isKey = new Int32Array(GRAMS / 32)
  private readonly keyed = new Map<number, Keyed[]>()

  constructor(patterns: readonly RegExp[]) {
    const byText = new Map<string, number[]>()
    this.tried = new Uint8Array(patterns.length)
    patterns.forEach((pattern, number) => {
      const literals = literalsOf(pattern)
      if (literals === null) this.tried[number] = 1
      for (const text of literals ?? []) byText.set(text, [...(byText.get(text) ?? []), number])
    })
    for (const [text, numbers] of byText) this.add(Uint8Array.from(text, (character) => symbolOf[character.charCodeAt(0)]!), numbers)
  }

  /** Under the three characters that are the rarest together. */
  private add(symbols: Uint8Array, patterns: number[]): void {
    const rarity = (at: number): number => symbols[at]! + symbols[at + 1]! + symbols[at + 2]!
    let key = 0
    for (let at = 1; at + 2 < symbols.length; at++) if (rarity(at) > rarity(key)) key = at
    const gram = symbols.subarray(key, key + 3).reduce(gramWith)
    this.isKey[gram >> 5]! |= 1 << (gram & 31)
    this.keyed.set(gram, [...(this.keyed.get(gram) ?? []), { symbols, key, patterns }])
  }

  /** Sets `mayMatch`, one value for each pattern: 0 where it does not match the text, else 1. A blank stands before and behind the text. */
  mark({ codes, length }: TextCodes, mayMatch: Uint8Array): void {
    mayMatch.set(this.tried)
    const { isKey } = this
    let gram = symbolOf[codes[1]!]!
    for (let i = 2; i <= length + 1; i++) {
      gram = gramWith(gram, symbolOf[codes[i]!]!)
      if (((isKey[gram >> 5]! >> (gram & 31)) & 1) === 0) continue
      for (const { symbols, key, patterns } of this.keyed.get(gram)!) {
        if (standsAt(symbols, codes, i - 2 - key, length + 2)) for (const number of patterns) mayMatch[number] = 1
      }
    }
  }
}

function standsAt(symbols: Uint8Array, codes: Uint8Array, start: number, end: number): boolean {
  if (start < 0 || start + symbols.length > end) return false
  for (let i = 0; i < symbols.length; i++) if (symbolOf[codes[start + i]!] !== symbols[i]) return false
  return true
}
