/**
 * The words of a text as hashes: a word is compared with many, and its letters need to be read once. Plain texts (ASCII)
 * are read letter by letter, which takes a fifth of what taking them apart with a pattern does; others by the pattern.
 * Two words in 2^32 share a hash.
 */
import { fnv1a, FNV_BASIS } from './fnv.ts'

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

const isLetter = (code: number): boolean => code > 96 && code < 123
const isDigit = (code: number): boolean => code > 47 && code < 58
const APOSTROPHE = 39
const PLAIN = /^[\0-\x7f]*$/

const SPOKEN = /[\p{L}]+(?:'[\p{L}]+)*|\d+|[?!]/gu

/** Words with their inner apostrophes, each number as `0`, question and exclamation marks. @param text in lower case */
export function spokenWords(text: string): Int32Array {
  if (!PLAIN.test(text)) return Int32Array.from(text.match(SPOKEN) ?? [], (word) => (isDigit(word.charCodeAt(0)) ? FIGURE : hashOf(word)))
  const words: number[] = []
  for (let i = 0; i < text.length; ) {
    const code = text.charCodeAt(i)
    if (isLetter(code)) {
      let hash = FNV_BASIS
      for (let at = code; isLetter(at) || (at === APOSTROPHE && isLetter(text.charCodeAt(i + 1))); at = text.charCodeAt(++i)) hash = Math.imul(hash ^ at, FNV_PRIME)
      words.push(mix(hash))
      continue
    }
    i++
    if (code === 63) words.push(QUESTION)
    else if (code === 33) words.push(EXCLAMATION)
    else if (isDigit(code)) {
      while (isDigit(text.charCodeAt(i))) i++
      words.push(FIGURE)
    }
  }
  return Int32Array.from(words)
}

const LETTERS_AND_DIGITS = /[\p{L}\p{N}]+/gu

/** Runs of letters and digits, in their order. @param text in lower case */
export function plainWords(text: string): number[] {
  if (!PLAIN.test(text)) return (text.match(LETTERS_AND_DIGITS) ?? []).map(hashOf)
  const words: number[] = []
  for (let i = 0; i < text.length; i++) {
    let hash = FNV_BASIS
    const start = i
    for (let code = text.charCodeAt(i); isLetter(code) || isDigit(code); code = text.charCodeAt(++i)) hash = Math.imul(hash ^ code, FNV_PRIME)
    if (i > start) words.push(mix(hash))
  }
  return words
}
