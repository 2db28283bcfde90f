/** A form's action asked for while the form is still being checked: it is done once that is known, or refused with words. */
import { shallowRef, watch, type Ref } from 'vue'

/**
 * Make it after whatever changes the form when its check arrives: such a change is checked again first.
 * @param ready after the check: whether `act` may go; else `refuse` says why not
 */
export function useWhenChecked({ checked, ready, act, refuse }: { checked: () => boolean; ready: () => boolean; act: () => void; refuse: () => void }): { waits: Readonly<Ref<boolean>>; ask: () => void } {
  const waits = shallowRef(false)
  const go = (): void => (ready() ? act() : refuse())
  watch(checked, (now) => {
    if (!now || !waits.value) return
    waits.value = false
    go()
  })
  return { waits, ask: () => (checked() ? go() : void (waits.value = true)) }
}
