/** The one tooltip of the window: which element's it is, and when it shows. Elements only say what happens to them. */
import { shallowReadonly, shallowRef } from 'vue'
import type { Side } from './place-beside.ts'

/** `words` are read while it shows: they may change. */
export type Tip = { element: HTMLElement; words: Readonly<{ text: string; keys: string; side: Side }> }

const OPENS_AFTER_MS = 350
/** So soon after one has closed, the next opens at once. */
const WARM_MS = 200
/** Time to move the pointer onto the tooltip itself. */
const LEAVES_AFTER_MS = 100

const shown = shallowRef<Tip | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined
let closedAt = -Infinity

export const shownTip = shallowReadonly(shown)

export function showTip(tip: Tip): void {
  clearTimeout(timer)
  shown.value = tip
}
/** The pointer has come over an element. */
export function awaitTip(tip: Tip): void {
  clearTimeout(timer)
  if (shown.value !== null || performance.now() - closedAt < WARM_MS) showTip(tip)
  else timer = setTimeout(() => (shown.value = tip), OPENS_AFTER_MS)
}
export function leaveTip(): void {
  clearTimeout(timer)
  timer = setTimeout(hideTip, LEAVES_AFTER_MS)
}
/** The pointer is on the tooltip. */
export const keepTip = (): void => clearTimeout(timer)
export function hideTip(): void {
  clearTimeout(timer)
  if (shown.value === null) return
  shown.value = null
  closedAt = performance.now()
}
