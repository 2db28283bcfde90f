/** Figures per task group as bars from zero, a bar per evaluation; the chosen one in colour, named at the top. */
import type { EChartsOption } from 'echarts'
import { baseOption, dataIndex, tooltipHtml, xAxis, zeroLine, type Chart } from './chart.ts'
import { axisFigure, fixed } from './format.ts'
import { categories } from './score-dots.ts'
import type { ChartTheme } from './theme.ts'

export type TaskBars = { label: string; figures: Readonly<Record<string, number>>; selected: boolean }

/** Fill of the others: greys that stay apart in print, hatched by their order. */
const SHADES = [0.75, 0.5, 0.32, 0.2]

export const barsHeight = (groups: number, series: number): number => groups * Math.max(24, series * 13 + 10) + 68

export function taskBars(options: { measure: string; groups: readonly string[]; series: readonly TaskBars[]; theme: ChartTheme }): Chart {
  const { measure, groups, series, theme } = options
  let others = 0
  const styles = series.map(({ selected }) => (selected ? { color: theme.accent, opacity: 1 } : { color: theme.muted, opacity: SHADES[others++ % SHADES.length]! }))
  const option: EChartsOption = {
    ...baseOption(theme),
    legend: { top: 0, left: 0, itemWidth: 10, itemHeight: 10, icon: 'rect', textStyle: { color: theme.text, fontSize: 12 }, data: series.map(({ label }) => label) },
    grid: { left: Math.max(...groups.map((group) => group.length), 6) * 6.4 + 16, right: 44, top: 28, bottom: 32 },
    xAxis: { ...xAxis(theme, { name: measure, format: axisFigure }), splitLine: { show: true, lineStyle: { color: theme.grid } } },
    yAxis: categories([...groups], 'left', { color: theme.text, fontSize: 12 }),
    series: series.map(({ label, figures }, i) => ({
      type: 'bar' as const,
      name: label,
      barMaxWidth: 12,
      barGap: '15%',
      itemStyle: styles[i]!,
      label: { show: series.length <= 4, position: 'right' as const, color: theme.muted, fontSize: 10.5, formatter: ({ value }: { value: unknown }) => fixed(Number(value), 1) },
      data: groups.map((group) => figures[group] ?? '-'),
      ...(i === 0 ? { markLine: zeroLine(theme, 'xAxis') } : {}),
    })),
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    axisPointer: { type: 'shadow' },
    formatter: (params: unknown) => {
      const group = groups[dataIndex(params)]
      return group === undefined ? '' : tooltipHtml(theme, group, series.map(({ label, figures }, i) => ({ color: styles[i]!.color, label, value: fixed(figures[group], 2) })))
    },
  }
  return {
    option,
    note: null,
    table: { columns: [{ label: 'task group', numeric: false }, ...series.map(({ label }) => ({ label, numeric: true }))], rows: groups.map((group) => [group, ...series.map(({ figures }) => figures[group] ?? null)]) },
  }
}
