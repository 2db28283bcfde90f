import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TextCodes } from './text-codes.ts'
import { countShared, hashOf, plainWords, spokenWords, spokenWordsIn, WordSet } from './word-hashes.ts'

/** A letter that no pattern of plain texts knows, so that the text is read by the pattern. */
const BEYOND = ' é'
const piece = fc.oneof(fc.constantFrom("don't", "'tis", "o''clock", "rock'n'roll'", 'Rock`N`roll`', '12', '3.5', '7pm', 'a1b2', '?', '!?', ' ', '\n', '-', '_', "'", ''), fc.string({ maxLength: 5 }))
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(' '))
const codes = new TextCodes()

it('reads a plain text letter by letter as the pattern takes it apart', () => {
  fc.assert(fc.property(text, (drawn) => {
    const straight = drawn.toLowerCase().replaceAll('`', "'")
    expect(spokenWords(straight)).toEqual(spokenWords(straight + BEYOND).slice(0, -1))
    if (codes.read(drawn)) expect(spokenWordsIn(codes)).toEqual(spokenWords(straight))
    expect(plainWords(drawn)).toEqual(plainWords(drawn + BEYOND).slice(0, -1))
  }), { numRuns: 2000 })
})

it('keeps the codes of one text at a time, blanks around it, and says whether all of it is ASCII', () => {
  const read = (drawn: string): [boolean, number[]] => [codes.read(drawn), [...codes.codes.subarray(0, codes.length + 2)]]
  expect(read('x'.repeat(9000))).toEqual([true, [0, ...new Array<number>(9000).fill(120), 0]])
  expect(read('a!')).toEqual([true, [0, 97, 33, 0]])
  expect(read('aé\ud83d\ude02b\ud800')).toEqual([false, [0, 97, 0, 0, 0, 98, 0, 0]])
  expect(read('')).toEqual([true, [0, 0]])
})

it('counts each word of a set once, and those that two share', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer())), fc.array(fc.integer({ min: -3, max: 3 })), (a, b) => {
    const [one, other] = [new WordSet(a), new WordSet(b)]
    expect(one.words).toEqual([...new Set(a)])
    expect(one.size).toBe(new Set(a).size)
    expect(countShared(other.words, one)).toBe([...new Set(b)].filter((word) => a.includes(word)).length)
  }))
})

it('tells words, numbers and marks', () => {
  expect(spokenWords("i don't, ok? 12.5 's")).toEqual(['i', "don't", 'ok', '?', '0', '0', 's'].map(hashOf))
  expect(spokenWords('où est l’été 7')).toEqual(['où', 'est', 'l', 'été', '0'].map(hashOf))
  expect(plainWords("it's 7pm_now")).toEqual(['it', 's', '7pm', 'now'].map(hashOf))
  expect(plainWords('à 7½ naïve')).toEqual(['à', '7½', 'naïve'].map(hashOf))
})
