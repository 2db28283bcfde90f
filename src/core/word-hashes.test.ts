import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashOf, plainWords, spokenWords } from './word-hashes.ts'

/** A letter that no pattern of plain texts knows, so that the text is read by the pattern. */
const BEYOND = ' é'
const piece = fc.oneof(fc.constantFrom("don't", "'tis", "o''clock", "rock'n'roll'", '12', '3.5', '7pm', 'a1b2', '?', '!?', ' ', '\n', '-', '_', "'", ''), fc.string({ maxLength: 5 }))
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(' ').toLowerCase())

it('reads a plain text letter by letter as the pattern takes it apart', () => {
  fc.assert(fc.property(text, (drawn) => {
    expect([...spokenWords(drawn)]).toEqual([...spokenWords(drawn + BEYOND)].slice(0, -1))
    expect(plainWords(drawn)).toEqual(plainWords(drawn + BEYOND).slice(0, -1))
  }), { numRuns: 2000 })
})

it('tells words, numbers and marks', () => {
  expect([...spokenWords("i don't, ok? 12.5 's")]).toEqual(['i', "don't", 'ok', '?', '0', '0', 's'].map(hashOf))
  expect([...spokenWords('où est l’été 7')]).toEqual(['où', 'est', 'l', 'été', '0'].map(hashOf))
  expect(plainWords("it's 7pm_now")).toEqual(['it', 's', '7pm', 'now'].map(hashOf))
  expect(plainWords('à 7½ naïve')).toEqual(['à', '7½', 'naïve'].map(hashOf))
})
