/** A chart's part in its page's linked hover: tells where the pointer is, shows where others point. */
import { computed, shallowRef, watch, type ComputedRef, type ShallowRef } from 'vue'
import type { Chart } from './chart.ts'
import { useChartLink } from './chart-link.ts'
import type { Drawing } from './use-echarts.ts'

type Line = { left: string; top: string; bottom: string }

export function useLinkedHover(drawing: Readonly<ShallowRef<Drawing | null>>, dimension: () => string | null, chart: () => Chart | null): { line: ComputedRef<Line | null>; readout: ComputedRef<string> } {
  const hover = useChartLink()
  const me = Symbol('chart')
  const pixel = shallowRef<number | null>(null)
  const here = computed(() => (hover.value !== null && hover.value.dimension === dimension() ? hover.value : null))

  watch(drawing, (now) => {
    if (!now) return
    now.on('updateAxisPointer', (event: unknown) => {
      const name = dimension()
      const x = pointedAt(event)
      if (name && x !== null) hover.value = { dimension: name, x, from: me }
    })
    now.getZr().on('globalout', () => {
      if (hover.value?.from === me) hover.value = null
    })
  }, { immediate: true })
  watch(here, (at) => {
    const x: unknown = at && at.from !== me && drawing.value ? drawing.value.convertToPixel({ xAxisIndex: 0 }, at.x) : null
    pixel.value = typeof x === 'number' && Number.isFinite(x) ? x : null
  })

  return {
    line: computed(() => (pixel.value === null ? null : { left: `${pixel.value}px`, ...frame(chart()) })),
    readout: computed(() => (here.value ? (chart()?.readout?.(here.value.x) ?? '') : '')),
  }
}

function frame(chart: Chart | null): { top: string; bottom: string } {
  const grid = [chart?.option.grid].flat()[0]
  const px = (value: unknown): string => (typeof value === 'number' ? `${value}px` : '0')
  return { top: px(grid?.top), bottom: px(grid?.bottom) }
}

function pointedAt(event: unknown): number | null {
  if (typeof event !== 'object' || event === null || !('axesInfo' in event) || !Array.isArray(event.axesInfo)) return null
  const first: unknown = event.axesInfo[0]
  return typeof first === 'object' && first !== null && 'value' in first && typeof first.value === 'number' ? first.value : null
}
