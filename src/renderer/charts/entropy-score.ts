/** Score against token entropy, a line per method through its temperatures; the base's, cooled down, is what sharpening alone does. */
import type { EChartsOption } from 'echarts'
import { fewTemperatures, type SharpeningLine } from '../../core/sharpening.ts'
import { baseOption, labelWidth, markerOf, tooltipHtml, xAxis, yAxis, type Chart } from './chart.ts'
import { endLabels } from './end-labels.ts'
import { fixed, interval as writeInterval } from './format.ts'
import { methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

/** Of the axis: beside one another at T = 0, where every entropy is 0 and intervals would cover one another. */
const BESIDE = 0.008

/** @param temperatures all that are evaluated */
export function entropyScore({ measure, lines, temperatures, theme }: { measure: string; lines: readonly SharpeningLine[]; temperatures: readonly number[]; theme: ChartTheme }): Chart {
  const widest = Math.max(...lines.flatMap(({ points }) => points.map(({ entropy }) => entropy)), 0.1)
  const x = (i: number, entropy: number): number => (entropy === 0 ? (i - (lines.length - 1) / 2) * BESIDE * widest : entropy)
  const pad = widest * Math.max(0.03, (BESIDE * (lines.length + 1)) / 2)
  const ends = lines.map(({ key, points }, i) => ({ text: methodStyle(key).label, color: theme.method(key), x: x(i, points.at(-1)!.entropy), y: points.at(-1)!.score.estimate }))
  const base = baseOption(theme)
  const option: EChartsOption = {
    ...base,
    grid: { left: 40, right: labelWidth(ends.map(({ text }) => text)), top: 24, bottom: 42 },
    xAxis: { ...xAxis(theme, { name: 'token entropy, nats', min: -pad, max: widest + pad }), axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, showMinLabel: false, showMaxLabel: false } },
    yAxis: yAxis(theme, { format: (value) => String(Number(value.toFixed(3))) }),
    series: [
      ...lines.flatMap(({ key, points }, i) => {
        const { dash } = methodStyle(key)
        const color = theme.method(key)
        return [
          whiskers({ along: 'vertical', color, rows: points.map(({ entropy, score }) => [x(i, entropy), score.low, score.high]) }),
          {
            type: 'line' as const,
            name: key,
            data: points.map(({ entropy, score }) => [x(i, entropy), score.estimate]),
            ...markerOf(key, theme),
            lineStyle: { color, width: 1.75, ...(dash ? { type: dash } : {}) },
            emphasis: { focus: 'series' as const },
            // The control alone names its temperatures: the others' follow in the same order, and are told on hover.
            ...(key === 'base' ? { markLine: { silent: true, z: 1, symbol: 'none', precision: 9, lineStyle: { color: theme.grid, width: 1, type: [2, 3] }, data: points.map(({ temperature, entropy }) => ({ xAxis: x(i, entropy), label: { formatter: `T = ${temperature}`, color: theme.muted, fontSize: 11 } })) } } : {}),
            z: 4,
          },
        ]
      }),
      endLabels(ends, theme),
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter(params: unknown) {
      const { seriesName, dataIndex } = params as { seriesName?: string; dataIndex?: number }
      const point = lines.find(({ key }) => key === seriesName)?.points[dataIndex ?? -1]
      return point === undefined ? '' : tooltipHtml(theme, `${methodStyle(seriesName!).label}, T = ${point.temperature}`, [{ label: measure, value: writeInterval(point.score, 3) }, { label: 'token entropy', value: `${fixed(point.entropy, 3)} nats` }])
    },
  }
  return {
    option,
    note: [lines.some(({ key }) => key === 'base') ? 'dotted uprights: the entropy of the base at each temperature' : null, fewTemperatures(temperatures)].filter((words) => words !== null).join(' · ') || null,
    table: {
      columns: [{ label: 'method', numeric: false }, { label: 'T', numeric: true }, { label: 'token entropy, nats', numeric: true }, { label: measure, numeric: true }, { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }],
      rows: lines.flatMap(({ key, points }) => points.map(({ temperature, entropy, score }) => [methodStyle(key).label, temperature, entropy, score.estimate, Number.isFinite(score.low) ? score.low : null, Number.isFinite(score.high) ? score.high : null])),
    },
  }
}
