/** Runs as points: any figure against another or a setting, colour and marker by method, marked runs ringed. */
import type { EChartsOption } from 'echarts'
import type { ScatterPoint } from '../../core/run-table.ts'
import { baseOption, type Chart, markerOf, pointBeside, pointUnder, tooltipHtml, xAxis, yAxis } from './chart.ts'
import { count, interval, significant } from './format.ts'
import { compareMethods, methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'

type Axis = { label: string; log: boolean }
type Input = { points: readonly ScatterPoint[]; /** Runs that are not drawn. */ left: number; x: Axis; y: Axis; marked: ReadonlySet<string>; theme: ChartTheme }

/** So that no mark lies on an axis. */
const GAP = ['4%', '4%']

export function runScatter({ points, left, x, y, marked, theme }: Input): Chart {
  const methods = [...Map.groupBy(points, ({ run }) => run.method)].sort(([a], [b]) => compareMethods(a, b))
  const isText = points.some((point) => typeof point.x === 'string')
  const categories = [...new Set(points.map((point) => String(point.x)))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const labels = methods.map(([method]) => methodStyle(method).label)
  const base = baseOption(theme)
  const across = xAxis(theme, { name: x.label, format: isText ? undefined : axisFigure })
  const logarithmic = { type: 'log' as const, splitLine: { show: true, lineStyle: { color: theme.grid } } }
  const option: EChartsOption = {
    ...base,
    grid: { left: 64, right: 24, top: 36, bottom: 44 },
    legend: { top: 0, left: 0, itemWidth: 9, itemHeight: 9, itemGap: 14, selectedMode: false, textStyle: { color: theme.text, fontSize: 12 }, data: labels },
    xAxis: (isText ? { ...across, type: 'category', data: categories, boundaryGap: true } : { ...across, scale: true, boundaryGap: GAP, ...(x.log ? logarithmic : {}) }) as EChartsOption['xAxis'] & object,
    yAxis: { ...yAxis(theme, { format: axisFigure, ticks: 5 }), boundaryGap: GAP, name: y.label, nameLocation: 'middle', nameGap: 50, nameTextStyle: { color: theme.muted, fontSize: 11 }, ...(y.log ? logarithmic : {}) } as EChartsOption['yAxis'] & object,
    series: methods.map(([method, own]) => {
      const { symbol, symbolSize, itemStyle } = markerOf(method, theme)
      return {
        type: 'scatter' as const,
        name: methodStyle(method).label,
        symbol,
        symbolSize,
        itemStyle: { ...itemStyle, opacity: 0.85 },
        cursor: 'pointer',
        data: own.map((point) => ({ value: [point.x, point.y], point, ...(marked.has(point.run.id) ? { symbolSize: symbolSize + 4, itemStyle: { ...itemStyle, borderColor: theme.text, borderWidth: 2 } } : {}) })),
      }
    }),
    tooltip: {
      ...base.tooltip,
      trigger: 'item',
      formatter(params: unknown) {
        const point = pointUnder(params) as ScatterPoint | null
        if (point === null) return ''
        const { run, columns } = point
        return tooltipHtml(theme, run.name, [
          { color: theme.method(run.method), label: 'method', value: methodStyle(run.method).label },
          { label: x.label, value: typeof point.x === 'number' ? significant(point.x, 4) : point.x },
          { label: y.label, value: y.label === 'task score' && columns?.score ? `${interval(columns.score.value)}, n = ${columns.score.n}` : significant(point.y, 4) },
          ...(run.group === null ? [] : [{ label: 'group', value: run.group }]),
        ])
      },
    },
  }
  const notes = [...(left > 0 ? [`${count(left)} of ${count(points.length + left)} runs are not drawn: they lack one of the two${x.log || y.log ? ', or it is not above zero' : ''}`] : []), 'Click: open; Ctrl and click: select']
  return {
    option,
    note: notes.join(' · '),
    table: {
      columns: [{ label: 'run', numeric: false }, { label: 'method', numeric: false }, { label: x.label, numeric: !isText }, { label: y.label, numeric: true }],
      rows: points.map(({ run, x: at, y: value }) => [run.name, methodStyle(run.method).label, at, value]),
    },
  }
}

const axisFigure = (value: number): string => significant(value)

/** The run behind a mark. */
export const pointOf = (item: unknown): ScatterPoint | null => pointBeside(item) as ScatterPoint | null
