/** pass@k: the chance that k answers to a prompt hold a good one, a line per method over doubling k. */
import type { EChartsOption } from 'echarts'
import type { Exploration } from '../../shared/comparison.ts'
import { baseOption, dataIndex, labelWidth, markerOf, tooltipHtml, yAxis, type Chart } from './chart.ts'
import { endLabels } from './end-labels.ts'
import { fixed } from './format.ts'
import { methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'

export function passAtKChart(methods: Exploration['methods'], theme: ChartTheme): Chart {
  const ks = methods[0]?.passAtK.map(({ k }) => k) ?? []
  const ends = methods.map(({ key, passAtK }) => ({ text: methodStyle(key).label, color: theme.method(key), x: ks.length - 1, y: passAtK.at(-1)?.value.estimate ?? 0 }))
  const base = baseOption(theme)
  const option: EChartsOption = {
    ...base,
    grid: { left: 40, right: labelWidth(ends.map(({ text }) => text)), top: 10, bottom: 34 },
    xAxis: { type: 'category', data: ks.map((k) => `k = ${k}`), boundaryGap: false, axisLine: { lineStyle: { color: theme.axis } }, axisTick: { show: false }, axisLabel: { color: theme.muted, fontSize: 11 } },
    yAxis: yAxis(theme, { zero: true, min: 0, max: 1, ticks: 5 }),
    series: [
      ...methods.map(({ key, passAtK }) => ({ type: 'line' as const, name: key, data: passAtK.map(({ value }) => value.estimate), ...markerOf(key, theme), lineStyle: { color: theme.method(key), width: 1.75, ...(methodStyle(key).dash ? { type: methodStyle(key).dash! } : {}) } })),
      endLabels(ends, theme),
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    formatter(params: unknown) {
      const i = dataIndex(params)
      return i < 0 || i >= ks.length ? '' : tooltipHtml(theme, `k = ${ks[i]}`, methods.map(({ key, passAtK }) => ({ color: theme.method(key), label: methodStyle(key).label, value: `${fixed(passAtK[i]!.value.estimate, 3)} [${fixed(passAtK[i]!.value.low, 3)}, ${fixed(passAtK[i]!.value.high, 3)}]` })))
    },
  }
  return {
    option,
    note: null,
    table: {
      columns: [{ label: 'method', numeric: false }, { label: 'k', numeric: true }, { label: 'pass@k', numeric: true }, { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }],
      rows: methods.flatMap(({ key, passAtK }) => passAtK.map(({ k, value }) => [methodStyle(key).label, k, value.estimate, value.low, value.high])),
    },
  }
}
