import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RawRow } from './raw-rows.ts'
import { createRowSplitter } from './split-rows.ts'

function split(text: string | Uint8Array, chunkSizes: readonly number[] = [], maxRowBytes?: number): RawRow[] {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const splitter = createRowSplitter(maxRowBytes, () => true)
  const rows: RawRow[] = []
  let at = 0
  for (const size of chunkSizes) {
    rows.push(...splitter.push(bytes.slice(at, at + size)))
    at += size
  }
  return [...rows, ...splitter.push(bytes.slice(at)), ...splitter.end()]
}
const good = (rows: readonly RawRow[]): unknown[] => rows.filter(({ problem }) => problem === null).map(({ value }) => value)

test('any cells come back, however they are quoted and however the bytes arrive', () => {
  // A cell that begins like JSON may be parsed; one that is all white space makes an empty line.
  const cell = fc.string({ unit: 'grapheme' }).map((text) => `x${text.replaceAll('\r', '')}`)
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 40 }), fc.constantFrom(',', ';', '\t'), fc.boolean(), (records, sizes, delimiter, windows) => {
      const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
      const text = [['a', 'b'], ...records].map((cells) => cells.map(quoted).join(delimiter)).join(windows ? '\r\n' : '\n')
      expect(good(split(text, sizes))).toEqual(records.map(([a, b]) => ({ a, b })))
    }),
  )
})

test('cells without quotes, with quotes inside, empty ones, JSON ones', () => {
  expect(split('a,b,c\n5" pipe,,"x ""y"" z"\n"[1]",{"k":2},[no\n')).toEqual([
    { row: 2, text: '5" pipe,,"x ""y"" z"', problem: null, header: 'a,b,c', value: { a: '5" pipe', b: null, c: 'x "y" z' } },
    { row: 3, text: '"[1]",{"k":2},[no', problem: null, header: 'a,b,c', value: { a: [1], b: { k: 2 }, c: '[no' } },
  ])
})

test('a quote that is never closed costs its own line alone', () => {
  const rows = split('a,b\n1,x\n2,"open\n3,y\n4,z\n')
  expect(good(rows)).toEqual([{ a: '1', b: 'x' }, { a: '3', b: 'y' }, { a: '4', b: 'z' }])
  expect(rows.filter(({ problem }) => problem !== null)).toEqual([{ row: 3, text: '2,"open', header: 'a,b', problem: 'expected every quote to be closed, the file ends within one' }])
  // The same before the file ends, where the record grows past the limit.
  const many = split(`a,b\n0,"open\n${'1,x\n'.repeat(1000)}`, Array.from({ length: 40 }, () => 100), 500)
  expect(good(many)).toHaveLength(1000)
})

test('a line past the limit is one bad row', () => {
  const rows = split(`a,b\n1,${'x'.repeat(2000)},z\n2,y\n`, Array.from({ length: 40 }, () => 50), 500)
  expect(rows.map(({ row, problem }) => [row, problem === null])).toEqual([[2, false], [3, true]])
})

test('text behind a closing quote, more cells than names, other bytes than UTF-8: a problem of the row alone', () => {
  const rows = split(Uint8Array.from([...new TextEncoder().encode('a,b\n"x"y,1\n1,2,3\n'), 0xff, 0x2c, ...new TextEncoder().encode('1\nok,1\n')]))
  expect(rows.map(({ row, problem }) => [row, problem])).toEqual([
    [2, 'cell 1: expected , or the end of the line behind the closing quote'], [3, 'expected 2 cells as in the header, got 3'], [4, 'expected UTF-8 text, got other bytes'], [5, null],
  ])
})

test('a byte order mark and a record over several lines', () => {
  expect(split('\uFEFFa,b\r\n"one\r\ntwo",1\r\nlast,2').map(({ row, value }) => [row, value])).toEqual([[2, { a: 'one\r\ntwo', b: '1' }], [4, { a: 'last', b: '2' }]])
})

test('JSON lines are JSON lines whatever the file is called', () => {
  expect(split('{"a":1}\n{"b":2}\n').map(({ text, value }) => [text, value])).toEqual([['{"a":1}', undefined], ['{"b":2}', undefined]])
})
