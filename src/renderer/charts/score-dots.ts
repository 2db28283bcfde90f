/** Final figures, one row per method: dot and 95 % interval, figures written beside them. */
import type { EChartsOption } from 'echarts'
import type { Interval } from '../../shared/types.ts'
import { baseOption, dataIndex, markerOf, tooltipHtml, xAxis, type Chart } from './chart.ts'
import { fixed, interval as writeInterval } from './format.ts'
import { isUpperBound } from './methods.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

/** `n` says what the interval stands on: "3 seeds × 80 prompts". */
export type DotRow = { key: string; label: string; value: Interval; n: string; round: string }

export const ROW_HEIGHT = 30

export function scoreDots(options: { measure: string; rows: DotRow[]; theme: ChartTheme; min?: number; max?: number; digits?: number }): Chart {
  const { measure, rows, theme, min, max, digits = 3 } = options
  const base = rows.find((row) => row.key === 'base')
  const names = rows.map((row) => (isUpperBound(row.key) ? `{name|${row.label}}\n{bound|upper bound}` : row.label))
  const left = Math.max(...rows.map((row) => row.label.length), 6) * 6.6 + 16

  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left, right: 158, top: 4, bottom: 32 },
    xAxis: { ...xAxis(theme, { name: measure, min, max, format: (value) => String(Number(value.toFixed(digits))) }), scale: min === undefined, splitLine: { show: true, lineStyle: { color: theme.grid } } },
    yAxis: [
      categories(names, 'left', { color: theme.text, fontSize: 12, rich: { name: { color: theme.text, fontSize: 12, lineHeight: 13, align: 'right' }, bound: { color: theme.muted, fontSize: 10.5, lineHeight: 12, align: 'right' } } }),
      categories(rows.map((row) => writeInterval(row.value, digits)), 'right', { color: theme.text, fontSize: 12, margin: 10 }),
    ],
    series: [
      ...(base ? [{ type: 'line' as const, data: [], silent: true, markLine: { silent: true, symbol: 'none', precision: 9, label: { show: false }, lineStyle: { color: theme.method('base'), width: 1.25, type: [2, 3] }, data: [{ xAxis: base.value.estimate }] } }] : []),
      ...rows.map((row, i) => whiskers({ along: 'horizontal', color: theme.method(row.key), width: 2, rows: [[i, row.value.low, row.value.high]] })),
      {
        type: 'scatter',
        z: 4,
        data: rows.map((row, i) => ({
          value: [row.value.estimate, i],
          ...markerOf(row.key, theme),
        })),
      },
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter: (params: unknown) => {
      const row = rows[dataIndex(params)]
      return row ? tooltipHtml(theme, row.label, [{ label: measure, value: fixed(row.value.estimate, 4) }, { label: '95 % interval', value: `${fixed(row.value.low, 4)} to ${fixed(row.value.high, 4)}` }, { label: 'at', value: row.round }, { label: 'over', value: row.n }]) : ''
    },
  }
  return {
    option,
    note: base ? 'dotted line: base' : null,
    table: {
      columns: [{ label: 'method', numeric: false }, { label: 'at', numeric: false }, { label: measure, numeric: true }, { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }, { label: 'over', numeric: false }],
      rows: rows.map((row) => [row.label, row.round, row.value.estimate, Number.isFinite(row.value.low) ? row.value.low : null, Number.isFinite(row.value.high) ? row.value.high : null, row.n]),
    },
  }
}

/** A category axis that is only text: rows from top to bottom. */
export function categories(data: string[], position: 'left' | 'right', axisLabel: object) {
  return {
    type: 'category' as const,
    position,
    inverse: true,
    data,
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: false },
    axisPointer: { show: false },
    axisLabel: { interval: 0, ...axisLabel },
  }
}
