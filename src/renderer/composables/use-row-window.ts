/** The rows in sight of a scroller, as it scrolls and is resized. */
import { computed, onBeforeUnmount, onMounted, shallowRef, watch, type ComputedRef, type Ref } from 'vue'
import { rowWindow, scrollTopFor, SPARE_ROWS, type RowWindow } from './row-window.ts'

const STILL_AFTER_MS = 150
const IDLE_WITHIN_MS = 300

/** @param headPx height of what sticks to the top of the scroller @returns `moving`: scrolled a moment ago */
export function useRowWindow(scroller: Ref<HTMLElement | null>, total: () => number, { headPx }: { headPx: number }): { window: ComputedRef<RowWindow>; rowPx: Ref<number>; moving: Ref<boolean>; reveal: (index: number) => void; rowsPerView: () => number } {
  const top = shallowRef(0)
  const viewPx = shallowRef(600)
  const rowPx = shallowRef(28)
  const moving = shallowRef(false)
  /** None until the first rows are on the screen: they wait for none that nobody sees yet. */
  const spareRows = shallowRef(0)
  let still: ReturnType<typeof setTimeout> | undefined
  const window = computed(() => rowWindow({ total: total(), rowPx: rowPx.value, viewPx: viewPx.value, top: top.value, spareRows: spareRows.value }))
  const drawSpare = (): void => void requestIdleCallback(() => (spareRows.value = SPARE_ROWS), { timeout: IDLE_WITHIN_MS })
  watch(() => total() > 0, (some) => some && requestAnimationFrame(drawSpare), { immediate: true, flush: 'post' })

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
