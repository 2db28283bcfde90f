/**
 * One ECharts instance on one element: made when it has a size, resized with it. All charts of the page take turns,
 * one at a time when nothing else is to do: six at once would keep a key waiting for more than a tenth of a second.
 */
import type { EChartsOption } from 'echarts'
import { onBeforeUnmount, shallowRef, watch, type ShallowRef } from 'vue'
import { echarts } from './echarts.ts'

export type Drawing = ReturnType<typeof echarts.init>

/** Whose turn comes, in order; asking again before it comes changes nothing. */
const waiting = new Set<() => void>()
let called = false
/** WebKit has no idle callbacks. */
const whenIdle: (run: () => void) => void = 'requestIdleCallback' in window ? (run) => void window.requestIdleCallback(run, { timeout: 200 }) : (run) => void setTimeout(run, 16)

function takeTurn(draw: () => void): void {
  waiting.add(draw)
  call()
}
function call(): void {
  if (!called) whenIdle(takeNext)
  called = true
}
function takeNext(): void {
  const [draw] = waiting
  called = false
  if (!draw) return
  waiting.delete(draw)
  if (waiting.size > 0) call()
  draw()
}

/**
 * Draws `option()` on `element`. Options are replaced whole and never made reactive.
 * @returns the instance once it exists, for events and coordinates.
 */
export function useEcharts(element: Readonly<ShallowRef<HTMLElement | null>>, option: () => EChartsOption | null): Readonly<ShallowRef<Drawing | null>> {
  const drawing = shallowRef<Drawing | null>(null)

  const draw = (): void => {
    if (!element.value) return
    drawing.value ??= echarts.init(element.value, null, { renderer: 'canvas' })
    const next = option()
    if (!next) return
    // The tooltip is left alone, so that one that is being read survives a live redraw.
    drawing.value.setOption(next, { replaceMerge: ['series', 'grid', 'xAxis', 'yAxis', 'parallel', 'parallelAxis', 'title'], lazyUpdate: false })
  }
  const resized = new ResizeObserver(([entry]) => {
    if (!entry || entry.contentRect.width === 0 || entry.contentRect.height === 0) return
    if (drawing.value) drawing.value.resize()
    else takeTurn(draw)
  })

  const release = (): void => {
    resized.disconnect()
    waiting.delete(draw)
    drawing.value?.dispose()
    drawing.value = null
  }
  watch(element, (now) => {
    release()
    if (now) resized.observe(now)
  }, { immediate: true, flush: 'post' })
  watch(option, () => void (drawing.value && takeTurn(draw)), { flush: 'post' })
  onBeforeUnmount(release)
  return drawing
}
