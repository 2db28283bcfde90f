import { expect, test } from 'vitest'
import { aboveZero, concurrency, integer, lengthMargin, numberWithin, positiveInteger, topP, wholeNumber } from './option-values.ts'

test.each([
  ['integer', integer, ['-7', '0', '42'], ['', '1.5', '1e3', '9007199254740993', 'x']],
  ['wholeNumber', wholeNumber, ['0', '42'], ['-1', '', '0x10']],
  ['positiveInteger', positiveInteger, ['1'], ['0', '-1']],
  ['lengthMargin', lengthMargin, ['-1', '500'], ['-2', '']],
  ['concurrency', concurrency, ['1', '64'], ['0', '65', '1000000']],
  ['numberWithin(0, 1)', numberWithin(0, 1), ['0', '0.5', '1'], ['-0.1', '1.1', '', 'Infinity']],
  ['aboveZero', aboveZero, ['1e-9', '3'], ['0', '-1', 'Infinity', 'NaN']],
  ['topP', topP, ['0.1', '1'], ['0', '1.01']],
])('%s takes what it should, and only that', (_, option, taken, refused) => {
  expect(taken.map(option)).toEqual(taken.map(Number))
  for (const text of refused) expect(() => option(text), text).toThrow(/^expected a (whole )?number/)
})
