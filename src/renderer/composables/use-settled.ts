/** A value once it has rested: what is typed is asked about when the typing stops. */
import { shallowRef, watch, type ShallowRef } from 'vue'

/** @param ms how long `source` must not change before the value follows; setting the value itself skips the wait */
export function useSettled<Value>(source: () => Value, ms: number): ShallowRef<Value> {
  const settled: ShallowRef<Value> = shallowRef(source())
  watch(source, (value, _, onCleanup) => {
    const timer = setTimeout(() => (settled.value = value), ms)
    onCleanup(() => clearTimeout(timer))
  })
  return settled
}
