/** One ECharts instance on one element: made when it has a size, resized with it, redrawn at most once per frame. */
import type { EChartsOption } from 'echarts'
import { onBeforeUnmount, shallowRef, watch, type ShallowRef } from 'vue'
import { echarts } from './echarts.ts'

export type Drawing = ReturnType<typeof echarts.init>

/**
 * Draws `option()` on `element`. Options are replaced whole and never made reactive.
 * @returns the instance once it exists, for events and coordinates.
 */
export function useEcharts(element: Readonly<ShallowRef<HTMLElement | null>>, option: () => EChartsOption | null): Readonly<ShallowRef<Drawing | null>> {
  const drawing = shallowRef<Drawing | null>(null)
  let frame = 0

  const draw = (): void => {
    frame = 0
    const next = option()
    if (!drawing.value || !next) return
    // The tooltip is left alone, so that one that is being read survives a live redraw.
    drawing.value.setOption(next, { replaceMerge: ['series', 'grid', 'xAxis', 'yAxis', 'title'], lazyUpdate: false })
  }
  const schedule = (): void => {
    frame ||= requestAnimationFrame(draw)
  }
  const resized = new ResizeObserver(([entry]) => {
    if (!entry || entry.contentRect.width === 0 || entry.contentRect.height === 0) return
    if (drawing.value) drawing.value.resize()
    else if (element.value) {
      drawing.value = echarts.init(element.value, null, { renderer: 'canvas' })
      draw()
    }
  })

  const release = (): void => {
    resized.disconnect()
    cancelAnimationFrame(frame)
    frame = 0
    drawing.value?.dispose()
    drawing.value = null
  }
  watch(element, (now) => {
    release()
    if (now) resized.observe(now)
  }, { immediate: true, flush: 'post' })
  watch(option, schedule, { flush: 'post' })
  onBeforeUnmount(release)
  return drawing
}
