/** A ref that this browser (or window) remembers: widths, theme, folded panes. Never data. */
import { ref, watch, type Ref } from 'vue'

export function useRemembered<Value extends string | number | boolean>(name: string, initial: Value): Ref<Value> {
  const key = `drift.${name}`
  // A ref of a primitive holds just that primitive.
  const remembered = ref(read(key, initial)) as Ref<Value>
  watch(remembered, (value) => write(key, value))
  return remembered
}

function read<Value>(key: string, initial: Value): Value {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? 'null')
    return typeof stored === typeof initial ? (stored as Value) : initial
  } catch {
    return initial
  }
}

/** Private windows may refuse storage: the setting then lasts as long as the page. */
function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value))
  } catch {
    return
  }
}
