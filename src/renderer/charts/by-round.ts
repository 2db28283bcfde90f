/**
 * A figure per method and round with its 95 % interval: score, pass rate, held-out margin, coverage, entropy,
 * gradient norm. Round 0 is the warm start; the base stands as a reference line.
 */
import type { EChartsOption } from 'echarts'
import type { Interval } from '../../shared/types.ts'
import { baseOption, labelWidth, markerOf, tooltipHtml, xAxis, yAxis, zeroLine, type Chart } from './chart.ts'
import { endLabels } from './end-labels.ts'
import { fixed, interval as writeInterval } from './format.ts'
import { axisValue } from './metric-curve.ts'
import { methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'
import { whiskers } from './whiskers.ts'

/** `quiet`: the lesser of two lines of one method, dashed and hollow. */
export type RoundSeries = { key: string; label: string; points: { round: number; value: Interval }[]; quiet?: boolean }

export type ByRoundOptions = {
  measure: string
  series: RoundSeries[]
  theme: ChartTheme
  /** The base, or a mark such as chance: drawn across, named at its end. */
  reference?: { label: string; value: Interval } | null
  zero?: boolean
  min?: number
  max?: number
  digits?: number
  /** Rounds the finished figure will have, so that a growing one does not move. */
  rounds?: number
}

/** A figure that comes without an interval (a single measurement). */
export const withoutInterval = (value: number | null): Interval => ({ estimate: value ?? Number.NaN, low: Number.NaN, high: Number.NaN })

export function byRound(options: ByRoundOptions): Chart {
  const { measure, series, theme, reference = null, zero = false, min, max, digits = 3 } = options
  const rounds = series.flatMap((one) => one.points.map((point) => point.round))
  const first = rounds.length > 0 ? Math.min(...rounds) : 0
  const last = Math.max(options.rounds ?? 0, ...rounds, first + 1)
  // Methods stand side by side at a round, so that intervals do not cover one another.
  const step = (last - first) * 0.016
  const dodge = (i: number, round: number): number => (isShared(series, round) ? 0 : (i - (series.length - 1) / 2) * step)
  const pad = (last - first) * 0.05
  const ends = series.flatMap((one, i) => {
    const end = one.points.findLast((point) => Number.isFinite(point.value.estimate))
    // Who has not left the shared start while others have is named where it leaves.
    return end && !(isShared(series, end.round) && rounds.some((round) => round > end.round)) ? [{ text: one.label, color: theme.method(one.key), x: end.round + dodge(i, end.round), y: end.value.estimate }] : []
  })
  if (reference) ends.push({ text: `${reference.label} ${fixed(reference.value.estimate, digits)}`, color: theme.method('base'), x: last + pad * 0.8, y: reference.value.estimate })

  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: 40, right: labelWidth(ends.map((end) => end.text)), top: 10, bottom: 34 },
    xAxis: { ...xAxis(theme, { min: first - pad, max: last + pad }), ...roundTicks(first, last, theme) },
    // A share from zero reads best in fifths.
    yAxis: yAxis(theme, { zero, min: min ?? (zero && max === 1 ? 0 : undefined), max, ...(zero && max === 1 ? { ticks: 5 } : {}), format: (value) => String(Number(value.toFixed(digits))) }),
    series: [
      { type: 'line', data: [], silent: true, ...(zero ? { markLine: zeroLine(theme, 'yAxis') } : {}) },
      ...(reference ? [referenceLine(reference, first - pad, last + pad, theme)] : []),
      ...series.flatMap((one, i) => {
        const style = methodStyle(one.key)
        const color = theme.method(one.key)
        const points = one.points.map(({ round, value }) => ({ x: round + dodge(i, round), value }))
        return [
          whiskers({ along: 'vertical', color: theme.method(one.key), rows: points.map(({ x, value }) => [x, value.low, value.high]) }),
          {
            type: 'line' as const,
            name: one.label,
            data: points.map(({ x, value }) => [x, Number.isFinite(value.estimate) ? value.estimate : null]),
            connectNulls: false,
            ...(one.quiet ? { symbol: 'circle', symbolSize: 8, itemStyle: { color: theme.surface, borderColor: color, borderWidth: 2 } } : markerOf(one.key, theme)),
            showSymbol: true,
            showAllSymbol: true as const,
            lineStyle: { color, width: one.quiet ? 1.5 : 2, type: one.quiet ? [4, 3] : (style.dash ?? ('solid' as const)) },
            emphasis: { focus: 'series' as const },
            z: 4,
          },
        ]
      }),
      endLabels(ends, theme),
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    axisPointer: { type: 'line', snap: false, lineStyle: { color: theme.axis, type: 'solid' }, label: { show: false } },
    formatter: (params: unknown) => {
      const round = Math.round(axisValue(params))
      const rows = series.flatMap((one) => {
        const point = one.points.find((candidate) => candidate.round === round)
        return point ? [{ color: theme.method(one.key), label: one.label, value: writeInterval(point.value, digits) }] : []
      })
      if (reference) rows.push({ color: theme.method('base'), label: reference.label, value: writeInterval(reference.value, digits) })
      return tooltipHtml(theme, roundLabel(round), rows)
    },
  }
  return { option, table: roundTable(measure, series, reference), note: null }
}

/** Methods start from one warm start: a point they all share is one point, not a fan. */
function isShared(series: RoundSeries[], round: number): boolean {
  const values = series.map((one) => one.points.find((point) => point.round === round)?.value.estimate)
  return values.every((value) => value !== undefined && value === values[0])
}

export function roundLabel(round: number): string {
  if (!Number.isInteger(round)) return ''
  return round < 0 ? 'base' : round === 0 ? 'warm start' : `round ${round}`
}

/** Ticks at whole rounds only. */
function roundTicks(first: number, last: number, theme: ChartTheme) {
  const values = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  return {
    axisTick: { show: true, length: 4, lineStyle: { color: theme.axis }, customValues: values },
    axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, customValues: values, formatter: (value: number) => roundLabel(value) },
  }
}

function referenceLine(reference: { label: string; value: Interval }, from: number, to: number, theme: ChartTheme) {
  const color = theme.method('base')
  const { estimate } = reference.value
  return {
    type: 'line' as const,
    name: reference.label,
    data: [[from, estimate], [to, estimate]],
    symbol: 'none',
    silent: true,
    lineStyle: { color, width: 1.5, type: [2, 3] },
    itemStyle: { color },
    z: 1,
  }
}

function roundTable(measure: string, series: RoundSeries[], reference: ByRoundOptions['reference']) {
  const rows = series.flatMap((one) => one.points.map(({ round, value }) => [one.label, round, value.estimate, finite(value.low), finite(value.high)]))
  if (reference) rows.unshift([reference.label, null, reference.value.estimate, finite(reference.value.low), finite(reference.value.high)])
  return {
    columns: [{ label: 'method', numeric: false }, { label: 'round', numeric: true }, { label: measure, numeric: true }, { label: '95 % low', numeric: true }, { label: '95 % high', numeric: true }],
    rows,
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
