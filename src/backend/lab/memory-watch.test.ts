import { describe, expect, it } from 'vitest'
import { watchMemory } from './memory-watch.ts'

const MEGABYTE = 1e6

describe('the memory of the process', () => {
  it('that was held for a moment stays in the peak', () => {
    const watch = watchMemory(0)
    const before = watch.now()
    let held: Uint8Array | null = new Uint8Array(64 * MEGABYTE).fill(1)
    expect(watch.now()).toBeGreaterThan(before + 50 * MEGABYTE)
    held = null
    expect(watch.peak()).toBeGreaterThan(before + 50 * MEGABYTE)
    expect(held).toBeNull()
  })

  it('goes on from the peak of an earlier process', () => {
    expect(watchMemory(1e15).peak()).toBe(1e15)
  })
})
