/** What lies behind the rows of a forest: bands on some of them, hairlines between groups. */
import type { CustomSeriesOption, CustomSeriesRenderItem } from 'echarts'
import type { ChartTheme } from './theme.ts'

/** `shaded` rows get a band from the left end of the plot; a line is drawn above each row of `starts`. */
export function rowBands(options: { rows: number; at: number; shaded: (row: number) => boolean; starts: (row: number) => boolean; theme: ChartTheme }): CustomSeriesOption {
  const { rows, at, shaded, starts, theme } = options
  const renderItem: CustomSeriesRenderItem = (params, api) => {
    const row = params.dataIndexInside
    const [, y = 0] = api.coord([at, row])
    const size = api.size?.([0, 1])
    const height = Array.isArray(size) ? (size[1] ?? 24) : 24
    const { x = 0, width = 0 } = params.coordSys as { x?: number; width?: number }
    return {
      type: 'group',
      silent: true,
      children: [
        ...(shaded(row) ? [{ type: 'rect' as const, shape: { x, y: y - height / 2, width, height }, style: { fill: theme.shade } }] : []),
        ...(starts(row) ? [{ type: 'line' as const, shape: { x1: x, y1: y - height / 2, x2: x + width, y2: y - height / 2 }, style: { stroke: theme.grid, lineWidth: 1 } }] : []),
      ],
    }
  }
  return { type: 'custom', silent: true, z: 0, tooltip: { show: false }, renderItem, encode: { x: 0, y: 1 }, data: Array.from({ length: rows }, (_, row) => [at, row]) }
}
