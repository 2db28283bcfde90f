/** A training metric over global steps, one line per run, rounds marked. */
import type { EChartsOption } from 'echarts'
import { baseOption, labelWidth, tooltipHtml, xAxis, yAxis, zeroLine, type Chart } from './chart.ts'
import { decimate, smooth, type Point } from '../../core/decimate.ts'
import { type EndLabel, endLabels } from './end-labels.ts'
import { count, significant } from './format.ts'
import { stageLabel, type StageSpan } from './metric-log.ts'
import type { ChartTheme } from './theme.ts'

export type Curve = { key: string; label: string; color: string; dash: number[] | null; points: Point[]; /** Where both were thinned before, with the figures there were. */ thinned?: { smoothed: Point[]; of: number }; broken?: number }

export type MetricCurveOptions = {
  metric: string
  curves: Curve[]
  spans: StageSpan[]
  theme: ChartTheme
  /** Keep zero in sight: where its sign or its share of the whole matters. */
  zero?: boolean
  /** Logarithmic; points must be above 0. */
  log?: boolean
  /** Upper end where the quantity has one (an accuracy: 1). */
  max?: number
  /** Weight of the moving average, 0 to draw the figures as they are. */
  smoothing?: number
  /** Name lines at their ends also when there is only one: others will join it. */
  named?: boolean
  /** Most points drawn per line. */
  limit?: number
  /** Ctrl and wheel go closer along the steps, dragging goes along: the wheel alone scrolls the page. */
  zoom?: boolean
}

/** More lines than this are named once a method and drawn without dashes, which nobody could follow and which take most of a frame; the tooltip gives the highest and the lowest. */
const MANY = 24
const ENDS_OF_MANY = 6

export function metricCurve(options: MetricCurveOptions): Chart {
  const { metric, curves, spans, theme, zero = false, log = false, max, smoothing = 0, limit = 600, zoom = false } = options
  const many = curves.length > MANY
  const drawn = curves.map((curve) => {
    // A round trains on other pairs than the one before: its line begins anew, and so does its average.
    const byRound = (points: Point[], of: (part: Point[]) => Point[]): Point[] =>
      spans.map((span) => points.filter(([x]) => x > span.start && x <= span.start + span.steps)).filter((part) => part.length > 0).flatMap((part, i) => [...(i > 0 ? [[part[0]![0], null] as Point] : []), ...of(part)])
    const thin = (part: Point[]): Point[] => (curve.thinned ? part : decimate(part, Math.max(3, Math.round((limit * part.length) / curve.points.length))))
    const raw = byRound(curve.points, thin)
    if (smoothing === 0) return { ...curve, line: raw, raw: [] }
    return { ...curve, raw, line: curve.thinned ? byRound(curve.thinned.smoothed, thin) : byRound(curve.points, (part) => thin(smooth(part, smoothing))) }
  })
  const end = spans.reduce((last, span) => Math.max(last, span.start + span.steps), 1)
  const direct = options.named || curves.length > 1
  const begun = (spans[0]?.start ?? 0) + (spans[0]?.steps ?? 0)
  const furthest = Math.max(0, ...curves.map((curve) => curve.points.at(-1)?.[0] ?? 0))
  const ends = drawn.flatMap((curve) => {
    const tip = curve.line.findLast(([, y]) => y !== null)
    // Who is still at the shared beginning is named once it leaves it.
    const waits = tip && direct && tip[0] <= begun && furthest > begun
    return tip && !waits ? [{ text: curve.label, color: curve.color, x: tip[0], y: tip[1]! }] : []
  })

  const named = many ? methodNames(ends) : ends

  const digits = tickDigits(drawn.flatMap(({ line, raw }) => [line, raw]))
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: 40, right: direct ? labelWidth(many ? named.map(({ text }) => text) : curves.map((curve) => curve.label)) : 10, top: 22, bottom: 34 },
    xAxis: { minInterval: 1, ...xAxis(theme, { name: 'optimizer step', min: 0, max: end, format: (value) => count(value) }), axisPointer: { show: true, snap: false, label: { show: false }, lineStyle: { color: theme.axis, type: 'solid' } } },
    // A share reads best in fifths.
    yAxis: { ...yAxis(theme, { zero, max, ...(max === 1 ? { min: 0, ticks: 5 } : {}), format: (value) => significant(value, digits) }), ...(log ? { type: 'log' as const } : {}) } as EChartsOption['yAxis'] & object,
    series: [
      { type: 'line', data: [], silent: true, markArea: stageAreas(spans, end, theme), ...(zero ? { markLine: zeroLine(theme, 'yAxis') } : {}) },
      ...drawn.flatMap((curve) => [
        ...(curve.raw.length > 0 ? [{ type: 'line' as const, ...figuresOf(curve.raw), showSymbol: false, silent: true, connectNulls: false, lineStyle: { color: curve.color, width: 1, opacity: 0.28 }, z: 2 }] : []),
        {
          type: 'line' as const,
          name: curve.label,
          ...figuresOf(curve.line),
          // A lone point has no line to be seen by.
          showSymbol: curve.line.length === 1,
          symbol: 'circle',
          symbolSize: 5,
          connectNulls: false,
          lineStyle: { color: curve.color, width: many ? 1 : 1.75, type: (many ? null : curve.dash) ?? ('solid' as const) },
          itemStyle: { color: curve.color },
          emphasis: { disabled: many, focus: 'none' as const, lineStyle: { width: 2.5 } },
          z: 3,
        },
      ]),
      ...(direct ? [endLabels(named, theme)] : []),
    ],
  }
  if (zoom) option.dataZoom = [{ type: 'inside', xAxisIndex: 0, filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true }]
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    formatter: (params: unknown) => {
      const x = axisValue(params)
      const rows = curves.flatMap((curve) => {
        const point = nearest(curve.points, x)
        return point && Math.abs(point[0] - x) <= Math.max(1, end / 100) ? [{ color: curve.color, label: curve.label, at: point[1] }] : []
      })
      return rows.length > 0 ? tooltipHtml(theme, `${where(spans, x)} · step ${count(x)}`, many ? endsOf(rows) : rows.map(toRow)) : ''
    },
  }
  const readout = (x: number): string => (curves.length === 1 ? `step ${count(Math.round(x))}: ${significant(nearest(curves[0]!.points, x)?.[1], 4)}` : '')
  // Live curves are built again with every step; hardly anybody looks at their table.
  return { option, get table() { return metricTable(metric, curves, spans) }, note: [describe(curves, drawn.map((curve) => curve.line.filter(([, y]) => y !== null).length), smoothing), zoom ? 'Ctrl and wheel: closer; drag: along' : null].filter((part) => part !== null).join(' · ') || null, readout }
}

/** Steps and values by turns, gaps as NaN: what ECharts takes as it is, where it copies an array of points one by one. Its types know arrays alone. */
function figuresOf(points: readonly Point[]): { data: Point[]; dimensions: string[] } {
  const flat = new Float64Array(2 * points.length)
  points.forEach(([x, y], i) => {
    flat[2 * i] = x
    flat[2 * i + 1] = y ?? Number.NaN
  })
  return { data: flat as unknown as Point[], dimensions: ['step', 'value'] }
}

type Pointed = { color: string; label: string; at: number | null }
const toRow = ({ at, ...row }: Pointed): { color: string; label: string; value: string } => ({ ...row, value: significant(at, 4) })

/** Of many lines at one step the highest and the lowest. */
function endsOf(rows: Pointed[]): { color?: string; label: string; value: string }[] {
  const measured = rows.filter(({ at }) => at !== null).sort((a, b) => b.at! - a.at!)
  if (measured.length <= 2 * ENDS_OF_MANY) return measured.map(toRow)
  return [...measured.slice(0, ENDS_OF_MANY).map(toRow), { label: `${count(measured.length - 2 * ENDS_OF_MANY)} between`, value: '' }, ...measured.slice(-ENDS_OF_MANY).map(toRow)]
}

/** One name for a method's many lines, where the middle one of them ends; what tells its runs apart is left off. */
function methodNames(ends: EndLabel[]): EndLabel[] {
  return [...Map.groupBy(ends, ({ text }) => text.replace(/ \d+$/, ''))].map(([text, of]) => ({ ...of.sort((a, b) => a.y - b.y)[Math.floor(of.length / 2)]!, text }))
}

/** Digits that tell neighbouring ticks apart: a loss that moves from .6931 to .6936 needs more than three. */
function tickDigits(lines: readonly Point[][]): number {
  let [low, high] = [Infinity, -Infinity]
  for (const line of lines) {
    for (const [, y] of line) {
      if (y === null || !Number.isFinite(y)) continue
      low = Math.min(low, y)
      high = Math.max(high, y)
    }
  }
  return high > low ? Math.min(6, Math.max(3, Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high)) / ((high - low) / 5))) + 1)) : 3
}

/** Alternating bands, each named for its stage: where a round begins is where the policy's pairs change. */
function stageAreas(spans: StageSpan[], end: number, theme: ChartTheme) {
  return {
    silent: true,
    label: { position: 'insideTopLeft' as const, offset: [-2, -16], distance: 0, color: theme.muted, fontSize: 10.5, fontFamily: theme.font },
    data: spans.filter((span) => span.steps > 0).map((span, i): [object, object] => [
      { name: fitting(stageLabel(span.stage), span.steps / end), xAxis: span.start, itemStyle: { color: i % 2 === 1 ? theme.shade : 'transparent' } },
      { xAxis: span.start + span.steps },
    ]),
  }
}

/** A name as long as its band's share of the width allows. */
function fitting(name: string, share: number): string {
  if (share >= 0.26) return name
  return share < 0.08 ? '' : (name.split(' ')[0] === 'round' && share < 0.14 ? name.replace('round ', '') : name.replace(' start', ''))
}

/** The x under the pointer, from ECharts' untyped tooltip parameters. */
export function axisValue(params: unknown): number {
  const first: unknown = Array.isArray(params) ? params[0] : params
  return typeof first === 'object' && first !== null && 'axisValue' in first ? Number(first.axisValue) : Number.NaN
}

function nearest(points: Point[], x: number): Point | null {
  let low = 0
  let high = points.length - 1
  if (high < 0) return null
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (points[middle]![0] <= x) low = middle
    else high = middle
  }
  return Math.abs(points[low]![0] - x) <= Math.abs(points[high]![0] - x) ? points[low]! : points[high]!
}

function where(spans: StageSpan[], x: number): string {
  const span = spans.find((candidate) => x > candidate.start && x <= candidate.start + candidate.steps)
  return span ? stageLabel(span.stage) : ''
}

function metricTable(metric: string, curves: Curve[], spans: StageSpan[]) {
  const steps = [...new Set(curves.flatMap((curve) => curve.points.map(([x]) => x)))].sort((a, b) => a - b)
  const values = curves.map((curve) => new Map(curve.points))
  return {
    columns: [{ label: 'step', numeric: true }, { label: 'stage', numeric: false }, ...curves.map((curve) => ({ label: curves.length > 1 ? `${metric} ${curve.label}` : metric, numeric: true }))],
    rows: steps.map((x) => [x, where(spans, x), ...values.map((value) => value.get(x) ?? null)]),
  }
}

function describe(curves: Curve[], drawn: number[], smoothing: number): string | null {
  const total = curves.reduce((sum, curve) => sum + (curve.thinned?.of ?? curve.points.filter(([, y]) => y !== null).length), 0)
  const kept = drawn.reduce((sum, n) => sum + n, 0)
  const broken = curves.reduce((sum, curve) => sum + (curve.broken ?? 0), 0)
  const notes = [
    kept < total ? `${count(kept)} of ${count(total)} points drawn (largest triangles)` : '',
    smoothing > 0 ? `bold: moving average per round, weight ${smoothing}` : '',
    broken > 0 ? `${count(broken)} figures were not finite and are left out` : '',
  ].filter(Boolean)
  return notes.length > 0 ? notes.join(' · ') : null
}
