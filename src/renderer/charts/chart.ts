/**
 * What every builder returns: an ECharts option, the same figures as a table (the accessible view and the CSV),
 * and what a reader must be told (decimation, smoothing, gaps). Builders are pure: rows and theme in, chart out.
 */
import type { EChartsOption } from 'echarts'
import { methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'

export type Cell = string | number | null
export type ChartTable = { columns: { label: string; numeric: boolean }[]; rows: Cell[][] }
export type Chart = {
  option: EChartsOption
  table: ChartTable
  /** Decimation, smoothing and gaps, in words; null when the picture is the data. */
  note: string | null
  /** The figure at an x, for the title line while a linked chart is hovered. */
  readout?: (x: number) => string
}

type Axis = { name?: string; min?: number | 'dataMin'; max?: number | 'dataMax'; zero?: boolean; interval?: number; format?: (value: number) => string; ticks?: number }

/** Text of a tooltip is HTML: whatever came from data goes through here. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A tooltip: bold head, then rows of [mark, label, value]. */
export function tooltipHtml(theme: ChartTheme, head: string, rows: { color?: string; label: string; value: string }[]): string {
  const lines = rows.map(({ color, label, value }) => {
    const mark = color ? `<span style="display:inline-block;width:8px;height:8px;border-radius:2px;background:${color};margin-right:6px"></span>` : ''
    return `<tr><td style="padding:1px 12px 1px 0;color:${theme.muted}">${mark}${escapeHtml(label)}</td><td style="text-align:right;font-variant-numeric:tabular-nums">${escapeHtml(value)}</td></tr>`
  })
  return `<div style="font-weight:600;margin-bottom:2px">${escapeHtml(head)}</div><table style="border-spacing:0">${lines.join('')}</table>`
}

/** Which data item a tooltip is asked for, from ECharts' untyped parameters: one, or one per series; -1 where there is none. */
export function dataIndex(params: unknown): number {
  const first: unknown = Array.isArray(params) ? params[0] : params
  return typeof first === 'object' && first !== null && 'dataIndex' in first ? Number(first.dataIndex) : -1
}

/** The point that a chart put beside an item's place, from ECharts' untyped item; null where there is none. */
export const pointBeside = (item: unknown): unknown => (typeof item === 'object' && item !== null && 'point' in item ? item.point : null)
/** Likewise of the item that a tooltip is asked for. */
export const pointUnder = (params: unknown): unknown => (typeof params === 'object' && params !== null && 'data' in params ? pointBeside(params.data) : null)

/** Everything charts share: no animation jump, our text, quiet tooltip. */
export function baseOption(theme: ChartTheme): EChartsOption {
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: theme.font, fontSize: 12, color: theme.text },
    tooltip: {
      confine: true,
      transitionDuration: 0,
      backgroundColor: theme.raised,
      borderColor: theme.line,
      borderWidth: 1,
      padding: [6, 8],
      textStyle: { color: theme.text, fontSize: 12, fontFamily: theme.font },
      extraCssText: 'box-shadow: 0 2px 8px rgb(0 0 0 / 0.12); border-radius: 4px;',
    },
  }
}

/** A quiet horizontal value axis: no line, ticks outside, its name under its right end. */
export function xAxis(theme: ChartTheme, { name, min, max, interval, format }: Axis) {
  return {
    type: 'value' as const,
    name,
    nameLocation: 'end' as const,
    nameTextStyle: { color: theme.muted, fontSize: 11, align: 'right' as const, verticalAlign: 'top' as const, padding: [20, 0, 0, 0] },
    nameGap: 0,
    min,
    max,
    interval,
    axisLine: { show: true, onZero: false, lineStyle: { color: theme.axis } },
    axisTick: { show: true, length: 4, lineStyle: { color: theme.axis } },
    axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, ...(format ? { formatter: format } : {}) },
    splitLine: { show: false },
  }
}

/** A vertical value axis: grid lines carry it, labels sit outside. `zero` keeps 0 in sight. */
export function yAxis(theme: ChartTheme, { min, max, zero = false, format, ticks = 4 }: Axis) {
  return {
    type: 'value' as const,
    min,
    max,
    scale: !zero,
    splitNumber: ticks,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: theme.muted, fontSize: 11, ...(format ? { formatter: format } : {}) },
    splitLine: { show: true, lineStyle: { color: theme.grid, width: 1 } },
  }
}

/** A heavier line at 0, where zero matters. */
export function zeroLine(theme: ChartTheme, axis: 'xAxis' | 'yAxis') {
  return { silent: true, symbol: 'none', animation: false, label: { show: false }, lineStyle: { color: theme.axis, width: 1.25, type: 'solid' as const }, data: [axis === 'xAxis' ? { xAxis: 0 } : { yAxis: 0 }] }
}

/** Width in px that a label of this length needs at 12 px; charts reserve it on the right for direct labels. */
export const labelWidth = (labels: string[]): number => Math.ceil(Math.max(0, ...labels.map((label) => label.length)) * 6.4) + 14

/** A method's marker as ECharts wants it; hollow ones are filled with the surface, not with white. */
export function markerOf(method: string, theme: ChartTheme) {
  const { marker } = methodStyle(method)
  const color = theme.method(method)
  const hollow = marker.startsWith('empty')
  return {
    symbol: hollow ? marker.slice('empty'.length).toLowerCase() : marker,
    symbolSize: marker === 'triangle' || marker === 'diamond' ? 10 : 8,
    itemStyle: { color: hollow ? theme.surface : color, borderColor: color, borderWidth: hollow ? 2 : 0, opacity: 1 },
  }
}
