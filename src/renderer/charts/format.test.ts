import { expect, it } from 'vitest'
import { byteSize, duration, fixed, interval, pValue, percent, signed, significant } from './format.ts'

it('writes figures with a true minus sign and never a minus zero', () => {
  expect(fixed(-0.0319)).toBe('−0.032')
  expect(fixed(-0.0001)).toBe('0.000')
  expect(signed(0.2371)).toBe('+0.237')
  expect(signed(-0.2)).toBe('−0.200')
  expect(fixed(Number.NaN)).toBe('–')
})

it('writes an interval, and an estimate alone where there is none', () => {
  expect(interval({ estimate: 0.2371, low: 0.118, high: 0.3561 }, 3, signed)).toBe('+0.237 [+0.118, +0.356]')
  expect(interval({ estimate: 0.5, low: Number.NaN, high: Number.NaN })).toBe('0.500')
})

it('keeps three significant digits whatever the size', () => {
  expect([0.0123456, 1.5, 0, 123456, 0.00001234, -2.3456].map((value) => significant(value))).toEqual(['0.0123', '1.5', '0', '1.23e5', '1.23e-5', '−2.35'])
})

it('never writes p as zero', () => {
  expect([0.0002, 0.0123, 0.42, null].map((p) => pValue(p))).toEqual(['< 0.001', '0.012', '0.42', '–'])
})

it('writes sizes with their unit', () => {
  expect([2_000, 512_400_000, 1_340_000_000, null].map(byteSize)).toEqual(['2 kB', '512 MB', '1.3 GB', '–'])
})

it('writes durations and shares', () => {
  expect([5, 65, 3723].map((seconds) => duration(seconds))).toEqual(['0:05', '1:05', '1:02:03'])
  expect(percent(0.974, 1)).toBe('97.4 %')
})
