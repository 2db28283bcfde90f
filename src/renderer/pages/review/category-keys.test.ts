import { expect, it } from 'vitest'
import { DEFAULT_RUBRIC, readRubric } from '../../../core/rubric.ts'
import { categoryKeys } from './category-keys.ts'

const names = (n: number, side: string): string[] => Array.from({ length: n }, (_, i) => `${side} ${i + 1}`)
const letters = (dissatisfied: number, satisfied: number): string => categoryKeys({ dissatisfied: names(dissatisfied, 'd'), satisfied: names(satisfied, 's') }).map(({ key }) => key ?? '·').join('')

it('gives the rubric that ships the top row and the row below it', () => {
  const keys = categoryKeys(readRubric(DEFAULT_RUBRIC))
  expect(keys.map(({ key }) => key).join('')).toBe('qwertyuioasdfhlzxc')
  expect(keys[1]).toEqual({ key: 'w', category: 'revision asked', side: 'dissatisfied' })
})

it('lends one side the letters that the other leaves, none twice, and has buttons without a letter after that', () => {
  expect(letters(12, 3)).toBe('qwertyuiopfhasd')
  expect(letters(2, 11)).toBe('qwasdfhlzxcme')
  expect(letters(12, 12)).toBe('qwertyuiop··asdfhlzxcm··')
  expect(new Set(letters(15, 5).replaceAll('·', '')).size).toBe(20)
})

it('takes no letter that means something else on the page', () => {
  expect(letters(10, 10)).not.toMatch(/[gjkvnb]/)
})
