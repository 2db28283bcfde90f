/**
 * Paired differences as a forest: zero line, interval per contrast, figures beside them. A contrast that is not
 * distinguishable is hollow, grey and stands on a shaded row, so that nobody reads a winner into it.
 */
import type { EChartsOption } from 'echarts'
import { isBase, isWarmStart, type PairedDifference } from '../../shared/comparison.ts'
import { baseOption, dataIndex, tooltipHtml, xAxis, type Chart } from './chart.ts'
import { interval as writeInterval, pValue, signed } from './format.ts'
import { methodStyle } from './methods.ts'
import { rowBands } from './row-bands.ts'
import { categories } from './score-dots.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

const MINUS = '−'

export const contrastLabel = (difference: Pick<PairedDifference, 'a' | 'b'>): string => `${methodStyle(difference.a).label} ${MINUS} ${methodStyle(difference.b).label}`

/** The p a reader should use: adjusted where the contrast belongs to the declared family. */
export const decidingP = (difference: PairedDifference): string => `${pValue(difference.pAdjusted ?? difference.p)}${difference.pAdjusted === null ? '' : '*'}`

/** Against the base, against the warm start, among methods; larger differences first. */
export function orderDifferences(differences: readonly PairedDifference[]): PairedDifference[] {
  return differences.slice().sort((x, y) => groupOf(x) - groupOf(y) || y.difference.estimate - x.difference.estimate)
}

const groupOf = ({ b }: PairedDifference): number => (isBase(b) ? 0 : isWarmStart(b) ? 1 : 2)

export function differenceForest(options: { measure: string; differences: PairedDifference[]; theme: ChartTheme; digits?: number }): Chart {
  const { measure, differences, theme, digits = 3 } = options
  const bounds = differences.flatMap(({ difference }) => [difference.low, difference.high, difference.estimate]).filter(Number.isFinite)
  const [low, high] = [Math.min(0, ...bounds), Math.max(0, ...bounds)]
  const margin = (high - low || 1) * 0.06
  const names = differences.map(contrastLabel)
  const color = (difference: PairedDifference): string =>
    difference.verdict === 'not distinguishable' ? theme.muted : theme.method(difference.verdict === 'ahead' ? difference.a : difference.b)

  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: Math.max(...names.map((name) => name.length), 10) * 6.5 + 14, right: 340, top: 18, bottom: 32 },
    xAxis: { ...xAxis(theme, { name: `difference in ${measure}`, min: low - margin, max: high + margin, format: (value) => signed(value, 2) }), axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: (value: number) => signed(Number(value.toFixed(3)), 2) } },
    yAxis: [
      categories(names, 'left', { color: theme.text, fontSize: 12 }),
      categories(differences.map((difference) => columns(difference, digits)), 'right', { margin: 12, rich: columnStyles(theme) }),
    ],
    series: [
      rowBands({ rows: differences.length, at: 0, theme, shaded: (row) => differences[row]?.verdict === 'not distinguishable', starts: (row) => row > 0 && groupOf(differences[row]!) !== groupOf(differences[row - 1]!) }),
      { type: 'line', data: [], silent: true, markLine: { silent: true, symbol: 'none', label: { show: true, position: 'start', formatter: 'no difference', color: theme.muted, fontSize: 10.5, distance: 4 }, lineStyle: { color: theme.axis, width: 1.5, type: 'solid' }, data: [{ xAxis: 0 }] } },
      ...differences.map((difference, i) => whiskers({ along: 'horizontal', color: color(difference), width: 2, rows: [[i, difference.difference.low, difference.difference.high]] })),
      {
        type: 'scatter',
        z: 4,
        symbol: 'circle',
        symbolSize: 9,
        data: differences.map((difference, i) => ({
          value: [difference.difference.estimate, i],
          itemStyle: difference.verdict === 'not distinguishable' ? { color: theme.surface, borderColor: theme.muted, borderWidth: 2, opacity: 1 } : { color: color(difference), borderColor: color(difference), borderWidth: 2, opacity: 1 },
        })),
      },
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter: (params: unknown) => {
      const difference = differences[dataIndex(params)]
      return difference
        ? tooltipHtml(theme, contrastLabel(difference), [
            { label: measure, value: signed(difference.difference.estimate, 4) },
            { label: '95 % interval', value: `${signed(difference.difference.low, 4)} to ${signed(difference.difference.high, 4)}` },
            { label: 'p, two-sided', value: pValue(difference.p) },
            { label: 'p, Holm-adjusted', value: difference.pAdjusted === null ? 'exploratory, not adjusted' : pValue(difference.pAdjusted) },
            { label: 'paired over', value: pairedOver(difference) },
            { label: 'verdict', value: verdictOf(difference) },
          ])
        : ''
    },
  }
  return { option, note: 'hollow on a shaded row: not distinguishable · * declared beforehand, p Holm-adjusted', table: differenceTable(measure, differences) }
}

export const pairedOver = ({ seeds, prompts }: Pick<PairedDifference, 'seeds' | 'prompts'>): string => `${seeds} ${seeds === 1 ? 'seed' : 'seeds'} × ${prompts} prompts`

export function verdictOf(difference: PairedDifference): string {
  if (difference.verdict === 'not distinguishable') return 'not distinguishable'
  return `${methodStyle(difference.verdict === 'ahead' ? difference.a : difference.b).label} is ahead`
}

function columns(difference: PairedDifference, digits: number): string {
  return `{figure|${writeInterval(difference.difference, digits, signed)}}{p|p ${decidingP(difference)}}{${difference.verdict === 'not distinguishable' ? 'unclear' : 'clear'}|${difference.verdict === 'not distinguishable' ? 'not distinguishable' : difference.verdict}}`
}

function columnStyles(theme: ChartTheme) {
  return {
    figure: { width: 148, align: 'left' as const, color: theme.text, fontSize: 12 },
    p: { width: 66, align: 'left' as const, color: theme.muted, fontSize: 12 },
    clear: { align: 'left' as const, color: theme.text, fontWeight: 600 as const, fontSize: 12 },
    unclear: { align: 'left' as const, color: theme.muted, fontSize: 12 },
  }
}

function differenceTable(measure: string, differences: PairedDifference[]) {
  return {
    columns: [
      { label: 'contrast', numeric: false }, { label: 'temperature', numeric: true }, { label: `difference in ${measure}`, numeric: true },
      { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }, { label: 'p', numeric: true }, { label: 'p adjusted (Holm)', numeric: true },
      { label: 'declared', numeric: false }, { label: 'verdict', numeric: false }, { label: 'paired over', numeric: false },
    ],
    rows: differences.map((d) => [
      contrastLabel(d), d.temperature, d.difference.estimate, d.difference.low, d.difference.high, d.p, d.pAdjusted, d.primary ? 'primary' : 'exploratory', verdictOf(d), pairedOver(d),
    ]),
  }
}
