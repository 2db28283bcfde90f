/** Interval bars as a custom series: an estimate's 95 % bounds, with short caps. */
import type { CustomSeriesOption, CustomSeriesRenderItem } from 'echarts'

const CAP = 3

type Along = 'vertical' | 'horizontal'

/**
 * Data rows are [position, low, high]; rows with a missing bound draw nothing.
 * `vertical` reads position on x and bounds on y; `horizontal` the other way round.
 */
export function whiskers(options: { along: Along; color: string; rows: [position: number, low: number, high: number][]; name?: string; width?: number; z?: number }): CustomSeriesOption {
  const { along, color, rows, name, width = 1.5, z = 2 } = options
  const renderItem: CustomSeriesRenderItem = (_params, api) => {
    const [position, low, high] = [Number(api.value(0)), Number(api.value(1)), Number(api.value(2))]
    if (!Number.isFinite(low) || !Number.isFinite(high)) return { type: 'group', children: [] }
    const point = (bound: number): [number, number] => {
      const [x = 0, y = 0] = api.coord(along === 'vertical' ? [position, bound] : [bound, position])
      return [x, y]
    }
    const [a, b] = [point(low), point(high)]
    const cap = ([x, y]: [number, number]) =>
      along === 'vertical' ? { x1: x - CAP, y1: y, x2: x + CAP, y2: y } : { x1: x, y1: y - CAP, x2: x, y2: y + CAP }
    const style = { stroke: color, lineWidth: width, fill: 'none' }
    return {
      type: 'group',
      children: [
        { type: 'line', shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] }, style },
        { type: 'line', shape: cap(a), style },
        { type: 'line', shape: cap(b), style },
      ],
    }
  }
  return {
    type: 'custom',
    name,
    silent: true,
    tooltip: { show: false },
    z,
    clip: true,
    renderItem,
    encode: along === 'vertical' ? { x: 0, y: [1, 2] } : { x: [1, 2], y: 0 },
    data: rows.filter(([, low, high]) => Number.isFinite(low) && Number.isFinite(high)),
  }
}
