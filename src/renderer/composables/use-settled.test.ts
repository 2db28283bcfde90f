import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope, nextTick, shallowRef } from 'vue'
import { useSettled } from './use-settled.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('follows its source once that rests', async () => {
  const typed = shallowRef('a')
  const scope = effectScope()
  const settled = scope.run(() => useSettled(() => typed.value, 350))!
  expect(settled.value).toBe('a')
  for (const text of ['ab', 'abc']) {
    typed.value = text
    await nextTick()
    vi.advanceTimersByTime(349)
    expect(settled.value).toBe('a')
  }
  vi.advanceTimersByTime(1)
  expect(settled.value).toBe('abc')
  scope.stop()
})

test('keeps no timer when its page is left', async () => {
  const typed = shallowRef('a')
  const scope = effectScope()
  const settled = scope.run(() => useSettled(() => typed.value, 350))!
  typed.value = 'b'
  await nextTick()
  expect(vi.getTimerCount()).toBe(1)
  scope.stop()
  expect(vi.getTimerCount()).toBe(0)
  expect(settled.value).toBe('a')
})
