import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RawRow } from './raw-rows.ts'
import { createRowSplitter } from './split-rows.ts'

function split(text: string | Uint8Array, chunkSizes: readonly number[] = [], maxRowBytes?: number): RawRow[] {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const splitter = createRowSplitter(maxRowBytes)
  const rows: RawRow[] = []
  let at = 0
  for (const size of chunkSizes) {
    rows.push(...splitter.push(bytes.slice(at, at + size)))
    at += size
  }
  return [...rows, ...splitter.push(bytes.slice(at)), ...splitter.end()]
}

const value = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 4 })
const chunks = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 200 })

test('lines, an array and indented objects give the same rows, however the bytes arrive', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 6 }), chunks, fc.boolean(), (values, sizes, windows) => {
      const end = windows ? '\r\n' : '\n'
      const layouts = [
        values.map((row) => JSON.stringify(row)).join(end),
        JSON.stringify(values),
        JSON.stringify(values, null, 2).replaceAll('\n', end),
        values.map((row) => JSON.stringify({ first: [1], ...row }, null, 2)).join(end),
      ]
      const found = layouts.map((text) => split(text, sizes).map((row): unknown => (row.problem === null ? JSON.parse(row.text) : row)))
      const expected: unknown = JSON.parse(JSON.stringify(values))
      expect(found[0]).toEqual(expected)
      expect(found[1]).toEqual(expected)
      expect(found[2]).toEqual(expected)
      expect(found[3]).toEqual(JSON.parse(JSON.stringify(values.map((row) => ({ first: [1], ...row })))))
    }),
  )
})

test('a broken line takes no other line with it', () => {
  const rows = split('{"a":1}\n{"b": [\n\u0000\u0001\nnull\n\n{"c":3}\n')
  expect(rows.map(({ row, text }) => [row, text])).toEqual([[1, '{"a":1}'], [2, '{"b": ['], [3, '\u0000\u0001'], [4, 'null'], [6, '{"c":3}']])
})

test('a broken first line does not make the file one object', () => {
  expect(split('{"id": "broken", "messages": [\n{"a":1}\n').map(({ row }) => row)).toEqual([1, 2])
})

test('a byte order mark is skipped', () => {
  expect(split('\uFEFF{"a":1}\n')).toEqual([{ row: 1, text: '{"a":1}', problem: null }])
})

test('other bytes than UTF-8 are a problem of their row alone', () => {
  const rows = split(Uint8Array.from([...new TextEncoder().encode('{"a":"'), 0xff, 0xfe, ...new TextEncoder().encode('"}\n{"b":1}\n')]))
  expect(rows.map(({ problem }) => problem)).toEqual(['expected UTF-8 text, got other bytes', null])
})

test('a list that ends early gives its whole elements and says so', () => {
  const rows = split('[{"a":1},{"b":2},{"c":')
  expect(rows.map(({ text, problem }) => [text, problem])).toEqual([['{"a":1}', null], ['{"b":2}', null], ['{"c":', 'the file ends within this row']])
  expect(split('[{"a":1},').at(-1)?.problem).toMatch(/ends early/)
})

test('a broken element takes no other along, in whichever layout', () => {
  const rows = [{ a: [{ n: 1 }] }, { a: [{ n: 2 }] }, { a: [{ n: 3 }] }]
  const [list, objects] = [JSON.stringify(rows, null, 2), rows.map((row) => JSON.stringify(row, null, 2)).join('\n')]
  const perLine = `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`
  const read = (text: string): unknown[] => split(text, Array.from({ length: 30 }, () => 7)).flatMap((row) => {
    try {
      return row.problem === null ? [JSON.parse(row.text) as unknown] : []
    } catch {
      return []
    }
  })
  for (const text of [list, objects, perLine]) {
    expect(read(text)).toEqual(rows)
    // What is missing: a brace, a bracket, a closing quote.
    for (const [good, broken] of [[/\{(\s*)"n": ?2/, '$1"n": 2'], [/"a": ?\[(\s*)(\{\s*"n": ?2)/, '"a": $1$2'], [/"n": ?2/, '"n: 2'], [/2(\s*)\}/, '2$1']] as const) {
      const found = read(text.replace(good, broken))
      expect(found).toEqual(expect.arrayContaining([rows[0], rows[2]]))
    }
  }
})

test('a first line that looks like a list does not take the lines below it along', () => {
  const texts = (text: string, max?: number): string[] => split(text, Array.from({ length: 50 }, () => 50), max).filter(({ problem }) => problem === null).map((row) => row.text)
  for (const first of ['[', '[[[[', '[]', '["x"', '[{"a":']) expect(texts(`${first}\n{"a":1}\n{"b":2}\n`)).toContain('{"b":2}')
  expect(texts(`[[[\n${'{"a":1}\n'.repeat(500)}`, 200)).toHaveLength(500)
})

test('a row past the limit is a problem and is not held', () => {
  const rows = split(`{"a":"${'x'.repeat(5000)}"}\n{"b":1}\n`, [], 1000)
  expect(rows[0]?.problem).toBe('expected at most 1000 bytes, got 5008')
  expect(rows[0]?.text.length).toBeLessThan(5000)
  expect(rows[1]).toEqual({ row: 2, text: '{"b":1}', problem: null })
})

test('an empty file has no rows', () => {
  expect(split('')).toEqual([])
  expect(split('\n \n')).toEqual([])
  expect(split('[]')).toEqual([])
})
