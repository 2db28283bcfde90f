import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filterOf, parseSearch, printFields } from './search-fields.ts'

const filter = (typed: string) => {
  const { words, fields } = parseSearch(typed)
  return filterOf(fields, words)
}

test('fields are taken out of the words', () => {
  expect(parseSearch('merge signal:dissatisfied intervals model:"gpt 4"')).toEqual({ words: 'merge intervals', fields: { signal: 'dissatisfied', model: 'gpt 4' } })
  expect(filter('model:gpt-4* language:en source:wild tag:hard category:refusal')).toEqual({ model: 'gpt-4*', language: 'en', source: 'wild', tag: 'hard', category: 'refusal' })
})

test('colons that name no field stay words', () => {
  for (const typed of ['error: no such file', 'at 10:30', 'https://example.org', 'std::map', 'a:b', '"modle:x y"']) expect(parseSearch(typed)).toEqual({ words: typed, fields: {} })
})

test('ranges of numbers are written in many ways and mean their ends', () => {
  const turns = (value: string) => {
    const { minTurns, maxTurns } = filter(`turns:${value}`)
    return [minTurns, maxTurns]
  }
  expect(turns('6')).toEqual([6, 6])
  for (const value of ['3..4', '3-4', '3–4']) expect(turns(value)).toEqual([3, 4])
  for (const value of ['>6', '>=7', '7..', '7+', '7-']) expect(turns(value)).toEqual([7, undefined])
  for (const value of ['<6', '<=5', '..5']) expect(turns(value)).toEqual([undefined, 5])
  expect(filter('length:>2000')).toEqual({ minCharacters: 2001 })
})

test('dates are days, months, years and ranges of them', () => {
  expect(filter('date:2024-03')).toEqual({ from: '2024-03', to: '2024-03' })
  expect(filter('date:2024-03..')).toEqual({ from: '2024-03' })
  expect(filter('date:..2024')).toEqual({ to: '2024' })
  expect(filter('date:2023..2024-05-09')).toEqual({ from: '2023', to: '2024-05-09' })
})

test('an unknown field names the nearest, and a bad value what is expected', () => {
  expect(() => parseSearch('modle:gpt-4')).toThrow(/expected a field among signal, .* got "modle" \(nearest: model\).*"modle:gpt-4"/)
  expect(() => parseSearch('turns:many')).toThrow('turns: expected a number or a range such as 6, 3..4, 6.. or >6, got "many"')
  expect(() => parseSearch('date:march')).toThrow('date: expected a year, month, day')
  expect(() => parseSearch('signal:angry')).toThrow('signal: expected dissatisfied, satisfied or neutral, got "angry"')
})

test('what is printed reads as it was', () => {
  const range = fc.tuple(fc.option(fc.nat(99), { nil: undefined }), fc.option(fc.nat(99), { nil: undefined })).filter(([a, b]) => a !== undefined || b !== undefined).map(([a, b]) => (a === b ? `${a}` : `${a ?? ''}..${b ?? ''}`))
  const text = fc.stringMatching(/^[a-z0-9*. -]*[a-z0-9]$/).map((value) => value.trim()).filter((value) => value !== '')
  const fields = fc.record({ source: text, model: text, tag: text, turns: range, length: range }, { requiredKeys: [] })
  fc.assert(fc.property(fields, (given) => {
    expect(parseSearch(printFields(given)).fields).toEqual(given)
  }))
})
