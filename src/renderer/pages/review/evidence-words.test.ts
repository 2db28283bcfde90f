import { expect, test } from 'vitest'
import { moveRange, rangeOf, spanOf, wordsOf } from './evidence-words.ts'

const text = 'No, that is\nwrong 🙃 again.'
const words = wordsOf(text)
const chosen = (range: { anchor: number; focus: number }): string => {
  const span = spanOf(words, range)
  return span ? text.slice(span.start, span.end) : ''
}

test('words are what stands between blanks, over lines and emoji', () => {
  expect(words.map(({ start, end }) => text.slice(start, end))).toEqual(['No,', 'that', 'is', 'wrong', '🙃', 'again.'])
})

test('arrows move by a word and stop at the ends; Shift keeps the other end', () => {
  let range = rangeOf(words, null)
  expect(chosen(range)).toBe('No,')
  range = moveRange(words, range, 'ArrowLeft', false)!
  expect(chosen(range)).toBe('No,')
  range = moveRange(words, range, 'ArrowRight', false)!
  range = moveRange(words, range, 'ArrowRight', true)!
  range = moveRange(words, range, 'ArrowRight', true)!
  expect(chosen(range)).toBe('that is\nwrong')
  expect(chosen(moveRange(words, range, 'Home', true)!)).toBe('No, that')
  expect(chosen(moveRange(words, range, 'End', false)!)).toBe('again.')
  expect(moveRange(words, range, 'x', false)).toBeNull()
})

test('choosing goes on from words that are marked already', () => {
  const at = text.indexOf('wrong')
  expect(chosen(rangeOf(words, { start: at + 1, end: at + 3 }))).toBe('wrong')
})

test('a text without words has nothing to choose', () => {
  expect(spanOf([], rangeOf([], { start: 0, end: 1 }))).toBeNull()
})
