/** Which rows of a long list stand in its scroller. Rows share one height; lists taller than browsers allow are scaled. */
import { computed, onBeforeUnmount, onMounted, shallowRef, type ComputedRef, type Ref } from 'vue'

/** Browsers clamp elements at about 33 million px; a list beyond this scrolls proportionally faster. */
const tallestPx = 16_000_000
const spareRows = 8

export type RowWindow = {
  start: ComputedRef<number>
  end: ComputedRef<number>
  /** Height of the scrolled area, px. */
  height: ComputedRef<number>
  /** Top of the first drawn row, px. */
  offset: ComputedRef<number>
  /** Scrolls as little as needed to show the row whole. */
  reveal(index: number): void
  rowsPerView: ComputedRef<number>
}

export function useRowWindow(scroller: Ref<HTMLElement | null>, total: () => number, options: { headPx: number }): RowWindow {
  const top = shallowRef(0)
  const viewPx = shallowRef(600)
  const rowPx = shallowRef(28)

  const fullPx = computed(() => total() * rowPx.value)
  const height = computed(() => Math.min(fullPx.value, tallestPx))
  const visiblePx = computed(() => Math.max(0, viewPx.value - options.headPx))
  /** Full px per scrolled px. */
  const scale = computed(() => (height.value <= visiblePx.value || fullPx.value <= tallestPx ? 1 : (fullPx.value - visiblePx.value) / (height.value - visiblePx.value)))
  const fullTop = computed(() => top.value * scale.value)
  const start = computed(() => Math.max(0, Math.floor(fullTop.value / rowPx.value) - spareRows))
  const end = computed(() => Math.min(total(), Math.ceil((fullTop.value + visiblePx.value) / rowPx.value) + spareRows))
  const offset = computed(() => top.value + start.value * rowPx.value - fullTop.value)

  function measure(): void {
    const element = scroller.value
    if (!element) return
    viewPx.value = element.clientHeight
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
    start,
    end,
    height,
    offset,
    rowsPerView: computed(() => Math.max(1, Math.floor(visiblePx.value / rowPx.value) - 1)),
    reveal(index) {
      const element = scroller.value
      if (!element) return
      const [first, last] = [index * rowPx.value, (index + 1) * rowPx.value]
      if (first < fullTop.value) element.scrollTop = first / scale.value
      else if (last > fullTop.value + visiblePx.value) element.scrollTop = (last - visiblePx.value) / scale.value
    },
  }
}
