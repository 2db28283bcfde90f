/** Probabilities against what labels say: on the diagonal a probability can be taken at its word. */
import type { EChartsOption } from 'echarts'
import type { Reliability } from '../../shared/signals.ts'
import { baseOption, dataIndex, tooltipHtml, xAxis, yAxis, type Chart } from './chart.ts'
import { count, fixed, interval } from './format.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

export function reliabilityDiagram(options: { reliability: Reliability; theme: ChartTheme }): Chart {
  const { reliability: { bins, brier, expectedCalibrationError }, theme } = options
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: 40, right: 16, top: 10, bottom: 34 },
    xAxis: xAxis(theme, { name: 'mean probability of the bin', min: 0, max: 1, interval: 0.2, format: (value) => fixed(value, 1) }),
    yAxis: yAxis(theme, { min: 0, max: 1, ticks: 5, zero: true, format: (value) => fixed(value, 1) }),
    series: [
      { type: 'line', silent: true, showSymbol: false, data: [[0, 0], [1, 1]], lineStyle: { color: theme.axis, width: 1, type: 'solid' }, z: 1 },
      whiskers({ along: 'vertical', color: theme.accent, rows: bins.map(({ meanProbability, observed }) => [meanProbability, observed.low, observed.high]) }),
      { type: 'scatter', data: bins.map(({ meanProbability, observed }) => [meanProbability, observed.estimate]), symbolSize: 8, itemStyle: { color: theme.accent, opacity: 1 }, z: 3 },
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter: (params: unknown) => {
      const bin = bins[dataIndex(params)]
      return bin ? tooltipHtml(theme, `probability ${fixed(bin.from, 1)} to ${fixed(bin.to, 1)}`, [{ label: 'mean probability', value: fixed(bin.meanProbability, 3) }, { label: 'dissatisfied', value: interval(bin.observed, 2) }, { label: 'turns', value: count(bin.n) }]) : ''
    },
  }
  return {
    option,
    note: `Brier score ${fixed(brier, 3)}, expected calibration error ${fixed(expectedCalibrationError, 3)} · bars: Wilson’s 95 %`,
    table: {
      columns: ['from', 'to', 'turns', 'mean probability', 'dissatisfied', 'low', 'high'].map((label) => ({ label, numeric: true })),
      rows: bins.map(({ from, to, n, meanProbability, observed }) => [from, to, n, meanProbability, observed.estimate, observed.low, observed.high]),
    },
  }
}
