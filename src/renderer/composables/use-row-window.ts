/** The rows in sight of a scroller, as it scrolls and is resized. */
import { computed, onBeforeUnmount, onMounted, shallowRef, type ComputedRef, type Ref } from 'vue'
import { rowWindow, scrollTopFor, type RowWindow } from './row-window.ts'

const STILL_AFTER_MS = 150

/** @param headPx height of what sticks to the top of the scroller @returns `moving`: scrolled a moment ago */
export function useRowWindow(scroller: Ref<HTMLElement | null>, total: () => number, { headPx }: { headPx: number }): { window: ComputedRef<RowWindow>; rowPx: Ref<number>; moving: Ref<boolean>; reveal: (index: number) => void; rowsPerView: () => number } {
  const top = shallowRef(0)
  const viewPx = shallowRef(600)
  const rowPx = shallowRef(28)
  const moving = shallowRef(false)
  let still: ReturnType<typeof setTimeout> | undefined
  const window = computed(() => rowWindow({ total: total(), rowPx: rowPx.value, viewPx: viewPx.value, top: top.value }))

  function measure(): void {
    if (!scroller.value) return
    viewPx.value = Math.max(0, scroller.value.clientHeight - headPx)
    rowPx.value = parseFloat(getComputedStyle(document.documentElement).fontSize) * 1.75
  }
  function onScroll(): void {
    top.value = scroller.value?.scrollTop ?? 0
    moving.value = true
    clearTimeout(still)
    still = setTimeout(() => (moving.value = false), STILL_AFTER_MS)
  }
  const observer = new ResizeObserver(measure)
  onMounted(() => {
    if (!scroller.value) return
    measure()
    observer.observe(scroller.value)
    scroller.value.addEventListener('scroll', onScroll, { passive: true })
  })
  onBeforeUnmount(() => {
    observer.disconnect()
    clearTimeout(still)
    scroller.value?.removeEventListener('scroll', onScroll)
  })

  return {
    window,
    rowPx,
    moving,
    reveal(index) {
      const to = scrollTopFor(index, { rowPx: rowPx.value, viewPx: viewPx.value, top: top.value, scale: window.value.scale })
      if (to !== null && scroller.value) scroller.value.scrollTop = to
    },
    rowsPerView: () => Math.max(1, Math.floor(viewPx.value / rowPx.value) - 1),
  }
}
