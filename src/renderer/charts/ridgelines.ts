/** Distributions per round above one another: margins of training pairs, and the weight each pair has in the loss. */
import type { CustomSeriesRenderItem, EChartsOption } from 'echarts'
import { sigmoid } from '../../core/statistics.ts'
import type { RoundHealth } from '../../shared/monitors.ts'
import { baseOption, dataIndex, tooltipHtml, xAxis, type Chart } from './chart.ts'
import { roundLabel } from './by-round.ts'
import { density, quantileOf } from './density.ts'
import { count, percent, significant } from './format.ts'
import { categories } from './score-dots.ts'
import type { ChartTheme } from './theme.ts'

type Ridge = { round: number; n: number; values: number[] }

export type RidgelineOptions = {
  measure: string
  /** One distribution per round; `n` values in all, of which `values` may be equal shares. */
  rounds: Ridge[]
  color: string
  theme: ChartTheme
  /** Hard bounds of the quantity (a weight: 0 to 1); mass is reflected there. */
  bounds?: [number, number]
  /** Drawn as a line across, with its name. */
  mark: { at: number; label: string }
  /** What the share beyond the mark means: "ordered" for margins above 0. */
  share: string
  /** Same range for several charts side by side. */
  domain?: [number, number]
}

const GRID = 96
/** How far a ridge may rise over the row above it. */
const OVERLAP = 1.5

export function ridgelines(options: RidgelineOptions): Chart {
  const { measure, rounds, color, theme, bounds, mark, share } = options
  const [low, high] = options.domain ?? bounds ?? range(rounds.flatMap((round) => round.values), mark.at)
  const ridges = rounds.map(({ round, n, values }) => ({ round, n, ...summary(values, mark.at), heights: density(values, low, high, GRID, bounds !== undefined) }))
  const tallest = Math.max(...ridges.flatMap((ridge) => ridge.heights), Number.MIN_VALUE)

  const renderItem: CustomSeriesRenderItem = (params, api) => {
    const row = params.dataIndexInside
    const ridge = ridges[row]!
    const [, baseline = 0] = api.coord([low, row + 1])
    const size = api.size?.([0, 1])
    const rowHeight = Array.isArray(size) ? Math.abs(size[1] ?? 30) : 30
    const top: [number, number][] = ridge.heights.map((height, i) => {
      const [x = 0] = api.coord([low + ((high - low) * i) / (GRID - 1), row + 1])
      return [x, baseline + rowHeight * 0.4 - (height / tallest) * rowHeight * OVERLAP]
    })
    const floor = baseline + rowHeight * 0.4
    const medianX = api.coord([ridge.median, row + 1])[0] ?? 0
    return {
      type: 'group',
      children: [
        { type: 'polygon', shape: { points: [[top[0]![0], floor], ...top, [top.at(-1)![0], floor]] }, style: { fill: color, opacity: 0.28 } },
        { type: 'polyline', shape: { points: top }, style: { stroke: color, lineWidth: 1.5, fill: 'none' } },
        { type: 'line', shape: { x1: medianX, y1: floor, x2: medianX, y2: floor - 6 }, style: { stroke: theme.text, lineWidth: 1.5 } },
      ],
    }
  }
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: 70, right: 92, top: 18, bottom: 32 },
    xAxis: { ...xAxis(theme, { name: measure, min: low, max: high }), axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, showMinLabel: bounds !== undefined, showMaxLabel: bounds !== undefined, formatter: (value: number) => significant(value) } },
    yAxis: [
      // An empty row on top: room for the highest ridge.
      categories(['', ...ridges.map((ridge) => roundLabel(ridge.round))], 'left', { color: theme.text, fontSize: 12 }),
      categories(['', ...ridges.map((ridge) => `${percent(ridge.beyond)} ${share}`)], 'right', { color: theme.muted, fontSize: 11 }),
    ],
    series: [
      { type: 'line', data: [], silent: true, markLine: { silent: true, symbol: 'none', z: 1, label: { show: true, formatter: mark.label, color: theme.muted, fontSize: 10.5, position: 'start', distance: 4 }, lineStyle: { color: theme.axis, width: 1.25, type: 'solid' }, data: [{ xAxis: mark.at }] } },
      { type: 'custom', renderItem, clip: false, z: 3, encode: { x: 0, y: 1 }, data: ridges.map((ridge, i) => [ridge.median, i + 1]) },
    ],
  }
  option.tooltip = {
    ...option.tooltip,
    trigger: 'item',
    formatter: (params: unknown) => {
      const ridge = ridges[dataIndex(params)]
      return ridge
        ? tooltipHtml(theme, roundLabel(ridge.round), [{ label: 'median', value: significant(ridge.median) }, { label: 'middle half', value: `${significant(ridge.q25)} to ${significant(ridge.q75)}` }, { label: share, value: percent(ridge.beyond, 1) }, { label: 'pairs', value: count(ridge.n) }])
        : ''
    },
  }
  return {
    option,
    note: `tick: median · density, Gaussian kernel (Silverman)${rounds.some(({ n, values }) => values.length < n) ? ' of at most 2,048 evenly spaced by rank' : ''}`,
    table: {
      columns: [{ label: 'round', numeric: true }, { label: 'pairs', numeric: true }, { label: '25 %', numeric: true }, { label: 'median', numeric: true }, { label: '75 %', numeric: true }, { label: `share ${share}`, numeric: true }],
      rows: ridges.map((ridge) => [ridge.round, ridge.n, ridge.q25, ridge.median, ridge.q75, ridge.beyond]),
    },
  }
}

/** What a round did to its pairs, as margins and as their weights in the gradient. */
export const marginsOf = (rounds: readonly RoundHealth[]): Ridge[] => rounds.map(({ round, pairs, margins }) => ({ round, n: pairs, values: margins }))
export const weightsOf = (rounds: readonly RoundHealth[]): Ridge[] => rounds.map(({ round, pairs, margins }) => ({ round, n: pairs, values: margins.map((margin) => sigmoid(-margin)) }))

function summary(values: number[], mark: number): { median: number; q25: number; q75: number; beyond: number } {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return { median: Number.NaN, q25: Number.NaN, q75: Number.NaN, beyond: Number.NaN }
  return { median: quantileOf(sorted, 0.5), q25: quantileOf(sorted, 0.25), q75: quantileOf(sorted, 0.75), beyond: sorted.filter((value) => value > mark).length / sorted.length }
}

/** The middle 98 % of all rounds, widened a little, with the mark in sight: one outlier must not flatten the rest. */
export function range(values: number[], mark: number): [number, number] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return [mark - 1, mark + 1]
  const [low, high] = [Math.min(quantileOf(sorted, 0.01), mark), Math.max(quantileOf(sorted, 0.99), mark)]
  const pad = (high - low || 1) * 0.08
  return [low - pad, high + pad]
}
