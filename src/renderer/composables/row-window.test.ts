import { describe, expect, it } from 'vitest'
import { keepKeys, rowWindow, scrollTopFor } from './row-window.ts'

const view = { rowPx: 28, viewPx: 700 }

describe('rowWindow', () => {
  it('draws what is in sight and a few rows around it', () => {
    expect(rowWindow({ ...view, total: 1000, top: 2800 })).toEqual({ start: 92, end: 134, height: 28_000, offset: 0, block: 0, scale: 1 })
    expect(rowWindow({ ...view, total: 3, top: 0 })).toMatchObject({ start: 0, end: 3, height: 84 })
  })
  it('draws no more than is in sight where no rows are to spare', () => {
    expect(rowWindow({ ...view, total: 1000, top: 0, spareRows: 0 })).toMatchObject({ start: 0, end: 26 })
    expect(rowWindow({ ...view, total: 1000, top: 2800, spareRows: 0 })).toMatchObject({ start: 100, end: 126 })
  })
  it('reaches the first and the last of 3.2 million rows within what browsers can scroll', () => {
    const total = 3_199_860
    const { height, scale } = rowWindow({ ...view, total, top: 0 })
    expect(height).toBeLessThan(33_000_000)
    const last = rowWindow({ ...view, total, top: height - view.viewPx })
    expect(last.end).toBe(total)
    // The last row ends where the scrolled area ends.
    expect(last.offset + (total - last.block) * 28).toBe(height)
    expect(scrollTopFor(total - 1, { ...view, top: 0, scale })).toBeCloseTo(height - view.viewPx, 3)
  })
})

describe('keepKeys', () => {
  const keys = (start: number, end: number, before = new Map<number, number>()) => keepKeys(before, start, end)
  it('gives a row that comes the key of one that left, and leaves the others alone', () => {
    const first = keys(0, 4)
    expect([...first]).toEqual([[0, 0], [1, 1], [2, 2], [3, 3]])
    const scrolled = keys(2, 6, first)
    expect([...scrolled]).toEqual([[2, 2], [3, 3], [4, 0], [5, 1]])
    expect([...keys(900, 904, scrolled).values()]).toEqual([2, 3, 0, 1])
  })
  it('gives no key twice as the view grows and shrinks', () => {
    const smaller = keys(2, 4, keys(0, 4))
    expect([...keys(1, 5, smaller).values()].sort()).toEqual([2, 3, 4, 5])
  })
})

describe('scrollTopFor', () => {
  const at = { ...view, top: 2800, scale: 1 }
  it('leaves a row that is in sight where it is', () => expect(scrollTopFor(110, at)).toBeNull())
  it('scrolls as little as needed', () => {
    expect(scrollTopFor(99, at)).toBe(99 * 28)
    expect(scrollTopFor(125, at)).toBe(126 * 28 - 700)
  })
})
