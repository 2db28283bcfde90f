/**
 * The words of a text as hashes: a word is compared with many, and its letters need to be read once. Plain texts (ASCII)
 * are read letter by letter, which takes a fraction of what taking them apart with a pattern does; others by the pattern.
 * Two words in 2^32 share a hash.
 */
import { fnv1a, FNV_BASIS } from './fnv.ts'
import { TextCodes } from './text-codes.ts'

const FNV_PRIME = 0x01000193

/** The finaliser of MurmurHash3: the low bits of FNV-1a alone are weak. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

export const hashOf = (word: string): number => mix(fnv1a(FNV_BASIS, word))
const [FIGURE, QUESTION, EXCLAMATION] = [hashOf('0'), hashOf('?'), hashOf('!')]

const isDigit = (code: number): boolean => code > 47 && code < 58
const APOSTROPHE = 39
const BACKTICK = 96

/** A letter in lower case; 0 for what is none. */
const letterOf = new Uint8Array(128)
/** Likewise of letters and digits. */
const letterOrDigit = new Uint8Array(128)
for (let code = 97; code < 123; code++) letterOf[code] = letterOf[code - 32] = letterOrDigit[code] = letterOrDigit[code - 32] = code
for (let code = 48; code < 58; code++) letterOrDigit[code] = code

const SPOKEN = /[\p{L}]+(?:'[\p{L}]+)*|\d+|[?!]/gu

const own = new TextCodes()

/** Words with their inner apostrophes, each number as `0`, question and exclamation marks. @param text in lower case, with straight quotes */
export function spokenWords(text: string): number[] {
  if (own.read(text)) return spokenWordsIn(own)
  return (text.match(SPOKEN) ?? []).map((word) => (isDigit(word.charCodeAt(0)) ? FIGURE : hashOf(word)))
}

/** Those of a plain text in any case, a backtick being an apostrophe. */
export function spokenWordsIn({ codes, length }: TextCodes): number[] {
  const words: number[] = []
  for (let i = 1; i <= length; ) {
    const code = codes[i]!
    let letter = letterOf[code]!
    if (letter !== 0) {
      let hash = FNV_BASIS
      do {
        hash = Math.imul(hash ^ letter, FNV_PRIME)
        const next = codes[++i]!
        letter = letterOf[next]!
        if (letter === 0 && (next === APOSTROPHE || next === BACKTICK) && letterOf[codes[i + 1]!] !== 0) letter = APOSTROPHE
      } while (letter !== 0)
      words.push(mix(hash))
      continue
    }
    i++
    if (code === 63) words.push(QUESTION)
    else if (code === 33) words.push(EXCLAMATION)
    else if (isDigit(code)) {
      while (isDigit(codes[i]!)) i++
      words.push(FIGURE)
    }
  }
  return words
}

const LETTERS_AND_DIGITS = /[\p{L}\p{N}]+/gu

/** Runs of letters and digits in lower case, in their order. */
export function plainWords(text: string): number[] {
  if (!own.read(text)) return (text.toLowerCase().match(LETTERS_AND_DIGITS) ?? []).map(hashOf)
  const { codes, length } = own
  const words: number[] = []
  for (let i = 1; i <= length; i++) {
    let letter = letterOrDigit[codes[i]!]!
    if (letter === 0) continue
    let hash = FNV_BASIS
    for (; letter !== 0; letter = letterOrDigit[codes[++i]!]!) hash = Math.imul(hash ^ letter, FNV_PRIME)
    words.push(mix(hash))
  }
  return words
}

/** Words by their hashes, each once, in the order they came. */
export class WordSet {
  readonly words: number[] = []
  /** Open addressing: a word's number, from 1, in the first free place behind that of its low bits. */
  private readonly places: number[]
  private readonly mask: number

  constructor(words: readonly number[]) {
    let size = 8
    while (size < 2 * words.length) size *= 2
    this.places = new Array<number>(size).fill(0)
    this.mask = size - 1
    for (let i = 0; i < words.length; i++) this.add(words[i]!)
  }

  get size(): number {
    return this.words.length
  }

  has(word: number): boolean {
    return this.places[this.placeOf(word)] !== 0
  }

  private add(word: number): void {
    const place = this.placeOf(word)
    if (this.places[place] === 0) this.places[place] = this.words.push(word)
  }

  private placeOf(word: number): number {
    const { places, words, mask } = this
    let place = word & mask
    for (let number = places[place]!; number !== 0 && words[number - 1] !== word; number = places[place]!) place = (place + 1) & mask
    return place
  }
}

/** How many of the words, each named once, are in the set. */
export function countShared(words: readonly number[], set: WordSet): number {
  let shared = 0
  for (let i = 0; i < words.length; i++) if (set.has(words[i]!)) shared++
  return shared
}
