import { describe, expect, it } from 'vitest'
import { watchMemory, watchProcess } from './memory-watch.ts'

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

describe('the memory of a process of the engine’s own', () => {
  const told = (...memory: ({ held: number; peak: number; since: number } | null)[]) => () => memory.length > 1 ? memory.shift()! : memory[0]!

  it('is not known before it has told', () => {
    const watch = watchProcess(null, () => null)
    expect([watch.now(), watch.peak()]).toEqual([null, null])
  })
  it('has no part in the peak of work that was done before', () => {
    expect(watchProcess(null, told({ held: 40, peak: 90, since: 1 })).peak()).toBe(40)
  })
  it('has the peak of work that has begun since, or that rose above the earlier one', () => {
    expect(watchProcess(null, told({ held: 40, peak: 90, since: 1 }, { held: 30, peak: 70, since: 2 })).peak()).toBe(70)
    expect(watchProcess(null, told({ held: 40, peak: 90, since: 0 }, { held: 30, peak: 95, since: 0 })).peak()).toBe(95)
  })
  it('goes on from the peak of an earlier process', () => {
    expect(watchProcess(120, told({ held: 40, peak: 90, since: 1 }, { held: 30, peak: 70, since: 2 })).peak()).toBe(120)
  })
})
