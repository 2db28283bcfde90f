import { onScopeDispose, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

/** Inner width and height of an element, px, as they change. */
export function useElementSize(element: Readonly<Ref<HTMLElement | null>>): { width: ShallowRef<number>; height: ShallowRef<number> } {
  const width = shallowRef(0)
  const height = shallowRef(0)
  const observer = new ResizeObserver(([entry]) => {
    if (!entry) return
    width.value = entry.contentRect.width
    height.value = entry.contentRect.height
  })
  watch(element, (now, before) => {
    if (before) observer.unobserve(before)
    if (now) observer.observe(now)
  })
  onScopeDispose(() => observer.disconnect())
  return { width, height }
}
