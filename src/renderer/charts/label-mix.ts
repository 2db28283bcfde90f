/** How many judged turns each cut-off calls dissatisfied, neutral and satisfied: a stack over the cut-off. */
import type { EChartsOption } from 'echarts'
import type { LabelMix } from '../../shared/signals.ts'
import { baseOption, tooltipHtml, yAxis, type Chart } from './chart.ts'
import { count, fixed, percent, significant } from './format.ts'
import { axisValue } from './metric-curve.ts'
import type { ChartTheme } from './theme.ts'
import { CUTOFF_GRID, cutoffAxis } from './threshold-curve.ts'

const LABELS = ['dissatisfied', 'neutral', 'satisfied'] as const
const total = (mix: LabelMix): number => mix.dissatisfied + mix.satisfied + mix.neutral

export function labelMix(options: { mix: readonly LabelMix[]; theme: ChartTheme }): Chart {
  const { mix, theme } = options
  const cutoffOf = (i: number): number => i / (mix.length - 1)
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: CUTOFF_GRID,
    xAxis: cutoffAxis(theme),
    yAxis: yAxis(theme, { min: 0, zero: true, format: (value) => (value >= 1e4 ? `${significant(value / 1000)}k` : count(value)) }),
    series: LABELS.map((label) => ({
      type: 'line' as const,
      name: label,
      stack: 'labels',
      data: mix.map((entry, i) => [cutoffOf(i), entry[label]]),
      showSymbol: false,
      step: 'end' as const,
      lineStyle: { width: 0 },
      itemStyle: { color: theme.signal[label] },
      areaStyle: { color: theme.signal[label], opacity: label === 'neutral' ? 0.25 : 0.75 },
    })),
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    formatter: (params: unknown) => {
      const i = Math.round(axisValue(params) * (mix.length - 1))
      const entry = mix[i]
      return entry ? tooltipHtml(theme, `cut-off ${fixed(cutoffOf(i), 2)}`, LABELS.map((label) => ({ color: theme.signal[label], label, value: `${count(entry[label])} (${percent(entry[label] / total(entry), 1)})` }))) : ''
    },
  }
  return {
    option,
    note: 'labels of people and of the data stand at every cut-off',
    table: { columns: [{ label: 'cut-off', numeric: true }, ...LABELS.map((label) => ({ label, numeric: true }))], rows: mix.map((entry, i) => [cutoffOf(i), ...LABELS.map((label) => entry[label])]) },
  }
}
