/** Precision, recall and F1 of "dissatisfied from this probability on" over the cut-off, with 95 % bands. */
import type { EChartsOption, LineSeriesOption } from 'echarts'
import type { CutoffFigures } from '../../shared/signals.ts'
import type { Interval } from '../../shared/types.ts'
import { baseOption, labelWidth, tooltipHtml, xAxis, yAxis, type Chart } from './chart.ts'
import { endLabels } from './end-labels.ts'
import { count, fixed, interval } from './format.ts'
import { axisValue } from './metric-curve.ts'
import type { ChartTheme } from './theme.ts'

const MEASURES = [
  { key: 'precision', label: 'Precision', type: 'solid' },
  { key: 'recall', label: 'Recall', type: 'dashed' },
  { key: 'f1', label: 'F1', type: 'dotted' },
] as const

/** Room around the plot in px; a line that is dragged over it needs the same. */
export const CUTOFF_GRID = { left: 40, right: labelWidth(MEASURES.map(({ label }) => label)), top: 10, bottom: 34 }

export function thresholdCurve(options: { curve: readonly CutoffFigures[]; theme: ChartTheme }): Chart {
  const { curve, theme } = options
  const colors = { precision: theme.accent, recall: theme.text, f1: theme.muted }
  const drawn = MEASURES.map((measure) => ({ ...measure, color: colors[measure.key], points: curve.map((figures): [number, Interval | null] => [figures.cutoff, figures[measure.key]]) }))
  const band = (points: [number, Interval | null][], color: string, stack: string): LineSeriesOption[] => {
    const common = { type: 'line' as const, stack, silent: true, showSymbol: false, lineStyle: { opacity: 0 }, tooltip: { show: false }, z: 1 }
    return [
      { ...common, data: points.map(([x, value]) => [x, value?.low ?? null]) },
      { ...common, data: points.map(([x, value]) => [x, value ? value.high - value.low : null]), areaStyle: { color, opacity: 0.12 } },
    ]
  }
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: CUTOFF_GRID,
    xAxis: cutoffAxis(theme),
    yAxis: yAxis(theme, { min: 0, max: 1, ticks: 5, zero: true, format: (value) => fixed(value, 1) }),
    series: [
      ...drawn.flatMap(({ points, color, key }) => (key === 'f1' ? [] : band(points, color, key))),
      ...drawn.map(({ points, color, type, label }): LineSeriesOption => ({ type: 'line', name: label, data: points.map(([x, value]) => [x, value?.estimate ?? null]), showSymbol: false, connectNulls: false, step: 'end', lineStyle: { color, width: 1.75, type }, itemStyle: { color }, z: 3 })),
      endLabels(drawn.flatMap(({ points, color, label }) => {
        const last = points.findLast(([, value]) => value !== null)
        return last?.[1] ? [{ text: label, color, x: last[0], y: last[1].estimate }] : []
      }), theme),
    ],
  }
  const at = (x: number): CutoffFigures | undefined => curve[Math.round(x * (curve.length - 1))]
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    formatter: (params: unknown) => {
      const figures = at(axisValue(params))
      if (!figures) return ''
      const rows = drawn.map(({ key, label, color }) => ({ color, label, value: figures[key] ? interval(figures[key], 2) : 'not defined' }))
      return tooltipHtml(theme, `cut-off ${fixed(figures.cutoff, 2)}`, [...rows, { label: 'reviewed turns flagged', value: count(figures.flagged) }])
    },
  }
  return {
    option,
    note: 'bands: Wilson’s 95 % intervals of precision and recall',
    table: {
      columns: [{ label: 'cut-off', numeric: true }, { label: 'flagged', numeric: true }, { label: 'dissatisfied', numeric: true }, ...MEASURES.flatMap(({ label }) => [label, `${label} low`, `${label} high`].map((name) => ({ label: name, numeric: true })))],
      rows: curve.map((figures) => [figures.cutoff, figures.flagged, figures.hits, ...MEASURES.flatMap(({ key }) => [figures[key]?.estimate ?? null, figures[key]?.low ?? null, figures[key]?.high ?? null])]),
    },
  }
}

/** 0 to 1, as every chart over the cut-off has it. */
export const cutoffAxis = (theme: ChartTheme) => ({
  ...xAxis(theme, { name: 'cut-off on the probability', min: 0, max: 1, interval: 0.2, format: (value) => fixed(value, 1) }),
  axisPointer: { show: true, snap: true, label: { show: false }, lineStyle: { color: theme.axis, type: 'solid' as const } },
})
