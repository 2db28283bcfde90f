import { describe, expect, it } from 'vitest'
import { rowWindow, scrollTopFor } from './row-window.ts'

const view = { rowPx: 28, viewPx: 700 }

describe('rowWindow', () => {
  it('draws what is in sight and a few rows around it', () => {
    expect(rowWindow({ ...view, total: 1000, top: 2800 })).toEqual({ start: 92, end: 133, height: 28_000, offset: 92 * 28, scale: 1 })
    expect(rowWindow({ ...view, total: 3, top: 0 })).toMatchObject({ start: 0, end: 3, height: 84 })
  })
  it('reaches the first and the last of 3.2 million rows within what browsers can scroll', () => {
    const total = 3_199_860
    const { height, scale } = rowWindow({ ...view, total, top: 0 })
    expect(height).toBeLessThan(33_000_000)
    const last = rowWindow({ ...view, total, top: height - view.viewPx })
    expect(last.end).toBe(total)
    // The last row ends where the scrolled area ends.
    expect(last.offset + (total - last.start) * 28).toBeCloseTo(height, 3)
    expect(scrollTopFor(total - 1, { ...view, top: 0, scale })).toBeCloseTo(height - view.viewPx, 3)
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
