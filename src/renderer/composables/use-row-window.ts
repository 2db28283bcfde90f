/** The rows in sight of a scroller, as it scrolls and is resized. */
import { computed, onBeforeUnmount, onMounted, shallowRef, type ComputedRef, type Ref } from 'vue'
import { rowWindow, scrollTopFor, type RowWindow } from './row-window.ts'

/** @param headPx height of what sticks to the top of the scroller */
export function useRowWindow(scroller: Ref<HTMLElement | null>, total: () => number, { headPx }: { headPx: number }): { window: ComputedRef<RowWindow>; reveal: (index: number) => void; rowsPerView: () => number } {
  const top = shallowRef(0)
  const viewPx = shallowRef(600)
  const rowPx = shallowRef(28)
  const window = computed(() => rowWindow({ total: total(), rowPx: rowPx.value, viewPx: viewPx.value, top: top.value }))

  function measure(): void {
    if (!scroller.value) return
    viewPx.value = Math.max(0, scroller.value.clientHeight - headPx)
    rowPx.value = parseFloat(getComputedStyle(document.documentElement).fontSize) * 1.75
  }
  const onScroll = (): void => void (top.value = scroller.value?.scrollTop ?? 0)
  const observer = new ResizeObserver(measure)
  onMounted(() => {
    if (!scroller.value) return
    measure()
    observer.observe(scroller.value)
    scroller.value.addEventListener('scroll', onScroll, { passive: true })
  })
  onBeforeUnmount(() => {
    observer.disconnect()
    scroller.value?.removeEventListener('scroll', onScroll)
  })

  return {
    window,
    reveal(index) {
      const to = scrollTopFor(index, { rowPx: rowPx.value, viewPx: viewPx.value, top: top.value, scale: window.value.scale })
      if (to !== null && scroller.value) scroller.value.scrollTop = to
    },
    rowsPerView: () => Math.max(1, Math.floor(viewPx.value / rowPx.value) - 1),
  }
}
