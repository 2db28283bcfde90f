import { afterEach, expect, test, vi } from 'vitest'
import { effectScope, nextTick, shallowRef, watch } from 'vue'
import { useWhenChecked } from './use-when-checked.ts'

const scope = effectScope()
afterEach(() => scope.stop())

test('what is asked for during the check is done once, after it; and refused where the check finds something', async () => {
  const [checked, ready] = [shallowRef(false), shallowRef(false)]
  const [act, refuse] = [vi.fn(), vi.fn()]
  const { ask, waits } = scope.run(() => useWhenChecked({ checked: () => checked.value, ready: () => ready.value, act, refuse }))!
  ask()
  ask()
  expect([act.mock.calls.length, refuse.mock.calls.length, waits.value]).toEqual([0, 0, true])
  ready.value = true
  checked.value = true
  await nextTick()
  expect([act.mock.calls.length, refuse.mock.calls.length, waits.value]).toEqual([1, 0, false])

  checked.value = false
  await nextTick()
  ask()
  ready.value = false
  checked.value = true
  await nextTick()
  expect([act.mock.calls.length, refuse.mock.calls.length]).toEqual([1, 1])

  // Checked already: at once.
  ready.value = true
  ask()
  expect(act).toHaveBeenCalledTimes(2)
})

test('waits on where the answer of the check changes the form', async () => {
  const other = effectScope()
  const [answered, changed] = [shallowRef(false), shallowRef(false)]
  const act = vi.fn()
  other.run(() => {
    watch(answered, () => (changed.value = true))
    useWhenChecked({ checked: () => answered.value && !changed.value, ready: () => true, act, refuse: () => {} }).ask()
  })
  answered.value = true
  await nextTick()
  expect(act).not.toHaveBeenCalled()
  changed.value = false
  await nextTick()
  expect(act).toHaveBeenCalledTimes(1)
  other.stop()
})
