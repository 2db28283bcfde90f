/**
 * What would change the workspace is marked with the call that does it: `v-writes="'runs.pause'"` on a control,
 * `writes` on actions, dialogs and icon buttons. In an opened capsule all of them are locked, with the reason on hover.
 */
import { watch, type Directive } from 'vue'
import type { CallName } from '../shared/contract.ts'
import { useWorkspace } from './stores/workspace.ts'

type State = { reason: string | null; title: string; disabled: boolean; stop: () => void }
const states = new WeakMap<HTMLElement, State>()

/** Items of menus are no buttons: they are kept from hearing what would choose them. */
const HEARD = ['click', 'pointerdown', 'pointerup', 'keydown'] as const
function swallow(event: Event): void {
  if (event instanceof KeyboardEvent && event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  event.stopImmediatePropagation()
}

function setLocked(el: HTMLElement, state: State, reason: string | null): void {
  if (reason !== null && state.reason === null) {
    Object.assign(state, { title: el.title, disabled: 'disabled' in el && el.disabled === true })
    for (const name of HEARD) el.addEventListener(name, swallow, { capture: true })
  }
  if (reason === null && state.reason !== null) {
    for (const name of HEARD) el.removeEventListener(name, swallow, { capture: true })
    el.title = state.title
    el.removeAttribute('aria-disabled')
    el.removeAttribute('data-disabled')
    if ('disabled' in el) el.disabled = state.disabled
  }
  state.reason = reason
  if (reason !== null) hold(el, reason)
}

function hold(el: HTMLElement, reason: string): void {
  el.title = reason
  el.setAttribute('aria-disabled', 'true')
  el.setAttribute('data-disabled', '')
  if ('disabled' in el) el.disabled = true
}

/** Undefined: nothing is written here. */
export const vWrites: Directive<HTMLElement, CallName | undefined> = {
  mounted(el, { value }) {
    if (value === undefined) return
    const workspace = useWorkspace()
    const state: State = { reason: null, title: '', disabled: false, stop: () => {} }
    states.set(el, state)
    state.stop = watch(() => workspace.locked, (reason) => setLocked(el, state, reason), { immediate: true })
  },
  // A redraw may have enabled it again.
  updated(el) {
    const reason = states.get(el)?.reason
    if (typeof reason === 'string') hold(el, reason)
  },
  unmounted: (el) => states.get(el)?.stop(),
}

declare module 'vue' {
  interface GlobalDirectives {
    vWrites: typeof vWrites
  }
}
