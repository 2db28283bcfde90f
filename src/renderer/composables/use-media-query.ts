import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

/** Whether the media query holds, now and later. */
export function useMediaQuery(query: string): Readonly<ShallowRef<boolean>> {
  const list = matchMedia(query)
  const holds = shallowRef(list.matches)
  const update = (): void => void (holds.value = list.matches)
  list.addEventListener('change', update)
  onScopeDispose(() => list.removeEventListener('change', update))
  return holds
}
