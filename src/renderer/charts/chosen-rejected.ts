/** Score of chosen and of rejected replies per round, one panel per method: is there still something to learn from the pairs? */
import type { EChartsOption } from 'echarts'
import { roundLabel } from './by-round.ts'
import { baseOption, dataIndex, tooltipHtml, type Chart } from './chart.ts'
import { fixed, percent } from './format.ts'
import type { ChartTheme } from './theme.ts'

export type PairQuality = { round: number; chosenScore: number | null; rejectedScore: number | null; pairAccuracy: number | null }
export type QualityPanel = { key: string; label: string; points: PairQuality[] }

export function chosenRejected(options: { panels: QualityPanel[]; theme: ChartTheme }): Chart {
  const { panels, theme } = options
  const rounds = [...new Set(panels.flatMap((panel) => panel.points.map((point) => point.round)))].sort((a, b) => a - b)
  const width = 100 / Math.max(1, panels.length)

  const option: EChartsOption = {
    ...baseOption(theme),
    title: panels.map((panel, i) => ({ text: panels.length > 1 ? panel.label : '', left: `${i * width + 4}%`, top: 0, padding: 0, textAlign: 'left' as const, textVerticalAlign: 'top' as const, textStyle: { color: theme.method(panel.key), fontSize: 12, fontWeight: 600 as const, fontFamily: theme.font } })),
    grid: panels.map((_, i) => ({ left: `${i * width + 4}%`, width: `${width - 6}%`, top: panels.length > 1 ? 26 : 8, bottom: 26 })),
    xAxis: panels.map((_, i) => ({
      gridIndex: i, type: 'category' as const, boundaryGap: false, data: rounds.map(roundLabel),
      axisLine: { lineStyle: { color: theme.axis } }, axisTick: { show: false }, axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, alignMinLabel: 'left' as const, alignMaxLabel: 'right' as const },
    })),
    yAxis: panels.map((_, i) => ({
      gridIndex: i, type: 'value' as const, min: 0, max: 1, interval: 0.25, axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { show: i === 0, color: theme.muted, fontSize: 11 }, splitLine: { lineStyle: { color: theme.grid } },
    })),
    series: panels.flatMap((panel, i) => {
      const color = theme.method(panel.key)
      const values = (side: 'chosenScore' | 'rejectedScore') => rounds.map((round) => panel.points.find((point) => point.round === round)?.[side] ?? null)
      const axis = { xAxisIndex: i, yAxisIndex: i, connectNulls: false, symbolSize: 7, lineStyle: { color, width: 2 } }
      const gap = rounds.map((_, r) => difference(values('chosenScore')[r], values('rejectedScore')[r]))
      return [
        { type: 'line' as const, ...axis, silent: true, symbol: 'none', stack: `gap ${i}`, stackStrategy: 'all' as const, data: values('rejectedScore'), lineStyle: { width: 0, opacity: 0 } },
        { type: 'line' as const, ...axis, silent: true, symbol: 'none', stack: `gap ${i}`, stackStrategy: 'all' as const, data: gap, lineStyle: { width: 0, opacity: 0 }, areaStyle: { color, opacity: 0.1 } },
        { type: 'line' as const, ...axis, name: `${panel.label} chosen`, data: values('chosenScore'), symbol: 'circle', itemStyle: { color }, ...named('chosen', 'top', color) },
        { type: 'line' as const, ...axis, name: `${panel.label} rejected`, data: values('rejectedScore'), symbol: 'circle', itemStyle: { color: theme.surface, borderColor: color, borderWidth: 2 }, lineStyle: { color, width: 1.5, type: [4, 3] }, ...named('rejected', 'bottom', color) },
      ]
    }),
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    axisPointer: { type: 'line', lineStyle: { color: theme.axis, type: 'solid' } },
    formatter: (params: unknown) => {
      const round = rounds[dataIndex(params)]
      if (round === undefined) return ''
      return tooltipHtml(theme, roundLabel(round), panels.flatMap((panel) => {
        const point = panel.points.find((candidate) => candidate.round === round)
        return point ? [{ color: theme.method(panel.key), label: `${panel.label} chosen / rejected`, value: `${fixed(point.chosenScore)} / ${fixed(point.rejectedScore)}` }, { label: 'pairs in the right order', value: percent(point.pairAccuracy) }] : []
      }))
    },
  }
  return {
    option,
    note: null,
    table: {
      columns: [{ label: 'method', numeric: false }, { label: 'round', numeric: true }, { label: 'chosen score', numeric: true }, { label: 'rejected score', numeric: true }, { label: 'pairs in the right order', numeric: true }],
      rows: panels.flatMap((panel) => panel.points.map((point) => [panel.label, point.round, point.chosenScore, point.rejectedScore, point.pairAccuracy])),
    },
  }
}

/** The side's name at its first point: above for chosen, below for rejected, so that they never meet. */
function named(side: string, position: 'top' | 'bottom', color: string) {
  return { label: { show: true, position, color, fontSize: 11, distance: 5, align: 'left' as const, formatter: (point: { dataIndex: number }) => (point.dataIndex === 0 ? side : '') } }
}

const difference = (a: number | null | undefined, b: number | null | undefined): number | null => (a === null || b === null || a === undefined || b === undefined ? null : a - b)
