/** Judged figures, one row per evaluation: dot and 95 % interval; where a second figure is given, hollow, joined by a line. */
import type { EChartsOption } from 'echarts'
import type { Interval } from '../../shared/types.ts'
import { baseOption, dataIndex, tooltipHtml, xAxis, type Chart } from './chart.ts'
import { axisFigure, fixed, interval as writeInterval } from './format.ts'
import { categories } from './score-dots.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

export type EvaluationDot = { label: string; value: Interval; other: number | null; n: string; selected: boolean }

export function evaluationDots(options: { measure: string; other: string | null; rows: readonly EvaluationDot[]; theme: ChartTheme }): Chart {
  const { measure, other, rows, theme } = options
  const color = ({ selected }: EvaluationDot): string => (selected ? theme.accent : theme.muted)
  const short = (text: string): string => (text.length > 34 ? `${text.slice(0, 33)}…` : text)
  const pairs = other === null ? [] : rows.flatMap((row, i) => (row.other === null ? [] : [{ row, i, other: row.other }]))
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: Math.max(...rows.map(({ label }) => short(label).length), 6) * 6.6 + 16, right: 130, top: 4, bottom: 32 },
    xAxis: { ...xAxis(theme, { name: measure, format: axisFigure }), scale: true, splitLine: { show: true, lineStyle: { color: theme.grid } } },
    yAxis: [
      categories(rows.map(({ label }) => short(label)), 'left', { color: theme.text, fontSize: 12 }),
      categories(rows.map(({ value }) => writeInterval(value, 1)), 'right', { color: theme.text, fontSize: 12, margin: 10 }),
    ],
    series: [
      ...pairs.map(({ row, i, other: at }) => ({ type: 'line' as const, silent: true, symbol: 'none', z: 1, lineStyle: { color: color(row), width: 1, type: [2, 3] as [number, number] }, data: [[row.value.estimate, i], [at, i]] })),
      ...rows.map((row, i) => whiskers({ along: 'horizontal', color: color(row), width: 2, rows: [[i, row.value.low, row.value.high]] })),
      { type: 'scatter', silent: true, z: 3, symbolSize: 8, data: pairs.map(({ row, i, other: at }) => ({ value: [at, i], itemStyle: { color: theme.surface, borderColor: color(row), borderWidth: 1.5 } })) },
      { type: 'scatter', z: 4, symbolSize: 9, data: rows.map((row, i) => ({ value: [row.value.estimate, i], itemStyle: { color: color(row) } })) },
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter: (params: unknown) => {
      const row = rows[dataIndex(params)]
      if (!row) return ''
      const second = other === null || row.other === null ? [] : [{ label: other, value: fixed(row.other, 2) }]
      return tooltipHtml(theme, row.label, [{ label: measure, value: fixed(row.value.estimate, 2) }, { label: '95 % interval', value: `${fixed(row.value.low, 2)} to ${fixed(row.value.high, 2)}` }, ...second, { label: 'over', value: row.n }])
    },
  }
  const bound = (value: number): number | null => (Number.isFinite(value) ? value : null)
  return {
    option,
    note: pairs.length > 0 ? `hollow: ${other}` : null,
    table: {
      columns: [{ label: 'model', numeric: false }, { label: measure, numeric: true }, { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }, ...(other === null ? [] : [{ label: other, numeric: true }]), { label: 'over', numeric: false }],
      rows: rows.map((row) => [row.label, row.value.estimate, bound(row.value.low), bound(row.value.high), ...(other === null ? [] : [row.other]), row.n]),
    },
  }
}
