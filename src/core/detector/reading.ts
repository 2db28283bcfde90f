/** One text of a conversation as features and measures look at it: its words, names, numbers, acts and marks, read in one go. */
import { PatternFilter } from '../pattern-filter.ts'
import { COMMON_WORDS, straightQuotes } from '../signals.ts'
import { TextCodes } from '../text-codes.ts'
import { hashOf, spokenWords, spokenWordsIn, WordSet } from '../word-hashes.ts'
import { ASSISTANT_ACTS, USER_ACTS, type Act } from './acts.ts'

/** Read of a long message: what opens it, and how it ends (a question, a wish after a pasted text). */
const HEAD_CHARACTERS = 450
const TAIL_CHARACTERS = 150

/** What of a message or a reply is asked more than once. */
export type Reading = {
  text: string
  /** Hashes. */
  words: readonly number[]
  vocabulary: WordSet
  /** Of the vocabulary those that are not common. */
  names: readonly number[]
  numbers: ReadonlySet<string>
  acts: readonly number[]
  /** Capital letters of A to Z. */
  capitals: number
  opensWithCapital: boolean
  /** Full stops, question and exclamation marks. */
  ends: number
}

/** Finds the acts of a text. */
class ActReader {
  private readonly acts: readonly Act[]
  private readonly filter: PatternFilter
  private readonly mayMatch: Uint8Array
  constructor(acts: readonly Act[]) {
    this.acts = acts
    this.filter = new PatternFilter(acts.map(({ pattern }) => pattern))
    this.mayMatch = new Uint8Array(acts.length)
  }
  /** @param codes of the text, in any case */
  find(codes: TextCodes, text: string): number[] {
    const found: number[] = []
    this.filter.mark(codes, this.mayMatch)
    for (let i = 0; i < this.acts.length; i++) if (this.mayMatch[i] === 1 && this.acts[i]!.pattern.test(text)) found.push(i)
    return found
  }
}
export const [ofUser, ofReply] = [new ActReader(USER_ACTS), new ActReader(ASSISTANT_ACTS)]

const NUMBER = /\d+(?:[:.,]\d+)*/g

const COMMON = new WordSet([...COMMON_WORDS, ...'? ! 0 yes ok okay there here about like thank thanks'.split(' ')].map(hashOf))

/** Between them stands what is in no word and leaves a plain text one. */
export const headAndTail = (text: string): string => (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS ? text : `${text.slice(0, HEAD_CHARACTERS)} ~ ${text.slice(-TAIL_CHARACTERS)}`)
export const readable = (text: string): string => straightQuotes(text.toLowerCase())

const codes = new TextCodes()
const NO_NUMBERS: ReadonlySet<string> = new Set()

export function readText(content: string, acts: ActReader): Reading {
  const written = headAndTail(content)
  const isPlain = codes.read(written)
  const marks = countMarks(codes)
  const text = readable(written)
  const words = isPlain ? spokenWordsIn(codes) : spokenWords(text)
  const vocabulary = new WordSet(words)
  const names: number[] = []
  for (const word of vocabulary.words) if (!COMMON.has(word)) names.push(word)
  const found = marks.digits === 0 && isPlain ? null : text.match(NUMBER)
  if (!isPlain) codes.read(text)
  return { text, words, vocabulary, names, numbers: found === null ? NO_NUMBERS : new Set(found), acts: acts.find(codes, text), capitals: marks.capitals, opensWithCapital: isCapital(written.charCodeAt(0)), ends: marks.ends }
}

const isCapital = (code: number): boolean => code >= 65 && code <= 90

const marksOf = (characters: string): Uint8Array => Uint8Array.from({ length: 128 }, (_, code) => (characters.includes(String.fromCharCode(code)) ? 1 : 0))
const [CAPITALS, DIGITS, ENDS] = [marksOf('ABCDEFGHIJKLMNOPQRSTUVWXYZ'), marksOf('0123456789'), marksOf('.?!')]

function countMarks({ codes, length }: TextCodes): { capitals: number; digits: number; ends: number } {
  let [capitals, digits, ends] = [0, 0, 0]
  for (let i = 1; i <= length; i++) {
    const code = codes[i]!
    capitals += CAPITALS[code]!
    digits += DIGITS[code]!
    ends += ENDS[code]!
  }
  return { capitals, digits, ends }
}
