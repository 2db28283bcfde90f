import { expect, test } from 'vitest'
import { runWithin, TimeLimitExceeded } from './time-limit.ts'

/** As a process that gets no processor: time passes, nothing is computed. */
const wait = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('time in which nothing was computed does not count', () => {
  let begun = 0
  const work = (): string => {
    begun++
    wait(300)
    return 'done'
  }
  expect(runWithin(100, work)).toBe('done')
  expect(begun).toBe(2)
})

test('what computes without end is ended, also after a wait, and what it throws is passed on', () => {
  const forever = (): void => {
    for (;;);
  }
  expect(() => runWithin(50, forever)).toThrow(TimeLimitExceeded)
  expect(() => runWithin(50, () => (wait(60), forever()))).toThrow('did not end within 50 ms')
  expect(() => runWithin(50, () => { throw new RangeError('its own') })).toThrow('its own')
})
