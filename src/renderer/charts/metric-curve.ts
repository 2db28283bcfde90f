/** A training metric over global steps, time or tokens, one line per run, rounds marked. */
import type { EChartsOption } from 'echarts'
import { baseOption, labelWidth, tooltipHtml, xAxis, yAxis, zeroLine, type Chart } from './chart.ts'
import { decimate, smooth, type Point } from '../../core/decimate.ts'
import { SYSTEM } from '../../core/run-time.ts'
import type { CurveAxis } from '../../shared/comparison.ts'
import { type EndLabel, endLabels } from './end-labels.ts'
import { count, duration, memorySize, significant } from './format.ts'
import { stageLabel, type StageSpan } from './metric-log.ts'
import type { ChartTheme } from './theme.ts'

export type Curve = { key: string; label: string; color: string; dash: number[] | null; points: Point[]; /** Its own stages, where they do not line up with the others'. */ spans?: StageSpan[]; /** Where both were thinned before, with the figures there were. */ thinned?: { smoothed: Point[]; of: number }; broken?: number }

export type MetricCurveOptions = {
  metric: string
  curves: Curve[]
  /** Stages that all lines share. */
  spans: StageSpan[]
  /** What lies across: steps unless set. */
  axis?: CurveAxis
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

/** What lies across, to choose from. */
export const AXIS_OPTIONS: { value: CurveAxis; label: string }[] = [{ value: 'step', label: 'step' }, { value: 'time', label: 'time' }, { value: 'tokens', label: 'tokens' }]

/** `name`: of the axis, in this unit. */
type Across = { name: string; unit: number; whole: boolean; tick: (value: number) => string; at: (x: number) => string }

/** In what unit time is told depends on how long it is; hover gives seconds. @param end where the axis ends, in steps, seconds or tokens */
function across(axis: CurveAxis, end: number): Across {
  if (axis === 'step') return { name: 'optimizer step', unit: 1, whole: true, tick: count, at: (x) => `step ${count(x)}` }
  if (axis === 'tokens') return { name: 'tokens trained', unit: 1, whole: true, tick: (value) => (value >= 1e5 ? `${significant(value / 1e6)}M` : count(value)), at: (x) => `${count(x)} tokens` }
  const [word, unit] = end < 3 * MINUTE ? (['s', 1] as const) : end < 3 * HOUR ? (['min', MINUTE] as const) : (['h', HOUR] as const)
  return { name: `${word} since the first step, pauses left out`, unit, whole: false, tick: (value) => significant(value), at: (x) => (x < 3 * MINUTE ? `${significant(x)} s` : duration(x)) }
}
const MINUTE = 60
const HOUR = 3600

/** Memory in its unit; all else with the digits that it takes. */
const figureOf = (metric: string) => (metric === SYSTEM.memoryBytes ? memorySize : significant)

/** More lines than this are named once a method and drawn without dashes, which nobody could follow and which take most of a frame; the tooltip gives the highest and the lowest. */
const MANY = 24
const ENDS_OF_MANY = 6

export function metricCurve(options: MetricCurveOptions): Chart {
  const { metric, curves, spans, axis = 'step', theme, zero = false, log = false, max, smoothing = 0, limit = 600, zoom = false } = options
  const many = curves.length > MANY
  const drawn = curves.map((curve) => {
    // A round trains on other pairs than the one before: its line begins anew, and so does its average.
    const byRound = (points: Point[], of: (part: Point[]) => Point[]): Point[] =>
      (curve.spans ?? spans).map((span) => points.filter(([x]) => x > span.start && x <= span.start + span.extent)).filter((part) => part.length > 0).flatMap((part, i) => [...(i > 0 ? [[part[0]![0], null] as Point] : []), ...of(part)])
    const thin = (part: Point[]): Point[] => (curve.thinned ? part : decimate(part, Math.max(3, Math.round((limit * part.length) / curve.points.length))))
    const raw = byRound(curve.points, thin)
    if (smoothing === 0) return { ...curve, line: raw, raw: [] }
    return { ...curve, raw, line: curve.thinned ? byRound(curve.thinned.smoothed, thin) : byRound(curve.points, (part) => thin(smooth(part, smoothing))) }
  })
  const end = [...spans, ...curves.flatMap((curve) => curve.spans ?? [])].reduce((last, span) => Math.max(last, span.start + span.extent), axis === 'step' ? 1 : 0)
  const { name, unit, whole, tick, at } = across(axis, end)
  const figure = figureOf(metric)
  const direct = options.named || curves.length > 1
  const begun = (spans[0]?.start ?? 0) + (spans[0]?.extent ?? 0)
  const furthest = Math.max(0, ...curves.map((curve) => curve.points.at(-1)?.[0] ?? 0))
  const ends = drawn.flatMap((curve) => {
    const tip = curve.line.findLast(([, y]) => y !== null)
    // Who is still at the shared beginning is named once it leaves it.
    const waits = tip && direct && tip[0] <= begun && furthest > begun
    return tip && !waits ? [{ text: curve.label, color: curve.color, x: tip[0] / unit, y: tip[1]! }] : []
  })

  const named = many ? methodNames(ends) : ends

  const digits = tickDigits(drawn.flatMap(({ line, raw }) => [line, raw]))
  const option: EChartsOption = {
    ...baseOption(theme),
    grid: { left: metric === SYSTEM.memoryBytes ? 52 : 40, right: direct ? labelWidth(many ? named.map(({ text }) => text) : curves.map((curve) => curve.label)) : 10, top: 22, bottom: 34 },
    xAxis: { ...(whole && { minInterval: 1 }), ...xAxis(theme, { name, min: 0, max: end / unit, format: tick }), axisPointer: { show: true, snap: false, label: { show: false }, lineStyle: { color: theme.axis, type: 'solid' } } },
    // A share reads best in fifths.
    yAxis: { ...yAxis(theme, { zero, max, ...(max === 1 ? { min: 0, ticks: 5 } : {}), format: (value) => figure(value, digits) }), ...(log ? { type: 'log' as const } : {}) } as EChartsOption['yAxis'] & object,
    series: [
      { type: 'line', data: [], silent: true, markArea: stageAreas(spans, end, unit, theme), ...(zero ? { markLine: zeroLine(theme, 'yAxis') } : {}) },
      ...drawn.flatMap((curve) => [
        ...(curve.raw.length > 0 ? [{ type: 'line' as const, ...figuresOf(curve.raw, unit), showSymbol: false, silent: true, connectNulls: false, lineStyle: { color: curve.color, width: 1, opacity: 0.28 }, z: 2 }] : []),
        {
          type: 'line' as const,
          name: curve.label,
          ...figuresOf(curve.line, unit),
          showSymbol: false,
          connectNulls: false,
          lineStyle: { color: curve.color, width: many ? 1 : 1.75, type: (many ? null : curve.dash) ?? ('solid' as const) },
          itemStyle: { color: curve.color },
          emphasis: { disabled: many, focus: 'none' as const, lineStyle: { width: 2.5 } },
          z: 3,
        },
        // Between gaps a point has no line to be seen by.
        ...[loneOf(curve.line)].flatMap((lone) => (lone.length > 0 ? [{ type: 'scatter' as const, ...figuresOf(lone, unit), silent: true, symbol: 'circle', symbolSize: 5, itemStyle: { color: curve.color }, z: 3 }] : [])),
      ]),
      ...(direct ? [endLabels(named, theme)] : []),
    ],
  }
  if (zoom) option.dataZoom = [{ type: 'inside', xAxisIndex: 0, filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true }]
  option.tooltip = {
    ...option.tooltip,
    trigger: 'axis',
    formatter: (params: unknown) => {
      const x = unit * axisValue(params)
      const rows = curves.flatMap((curve) => {
        const point = nearest(curve.points, x)
        const label = curve.spans ? [curve.label, where(curve.spans, x)].filter(Boolean).join(', ') : curve.label
        return point && Math.abs(point[0] - x) <= Math.max(whole ? 1 : 0, end / 100) ? [{ color: curve.color, label, at: point[1] }] : []
      })
      const written = (of: Pointed) => ({ ...of, value: figure(of.at, 4) })
      return rows.length > 0 ? tooltipHtml(theme, [where(spans, x), at(x)].filter(Boolean).join(' · '), many ? endsOf(rows, written) : rows.map(written)) : ''
    },
  }
  const readout = (x: number): string => (curves.length === 1 ? `${at(whole ? Math.round(x) : unit * x)}: ${figure(nearest(curves[0]!.points, unit * x)?.[1], 4)}` : '')
  // Live curves are built again with every step; hardly anybody looks at their table.
  return { option, get table() { return metricTable(metric, curves, spans, axis) }, note: [describe(curves, drawn.map((curve) => curve.line.filter(([, y]) => y !== null).length), smoothing), zoom ? 'Ctrl and wheel: closer; drag: along' : null].filter((part) => part !== null).join(' · ') || null, readout }
}

/** Places and values by turns, gaps as NaN: what ECharts takes as it is, where it copies an array of points one by one. Its types know arrays alone. */
function figuresOf(points: readonly Point[], unit: number): { data: Point[]; dimensions: string[] } {
  const flat = new Float64Array(2 * points.length)
  points.forEach(([x, y], i) => {
    flat[2 * i] = x / unit
    flat[2 * i + 1] = y ?? Number.NaN
  })
  return { data: flat as unknown as Point[], dimensions: ['place', 'value'] }
}

const loneOf = (line: readonly Point[]): Point[] => line.filter(([, y], i) => y !== null && (line[i - 1]?.[1] ?? null) === null && (line[i + 1]?.[1] ?? null) === null)

type Pointed = { color: string; label: string; at: number | null }
type Written = { color?: string; label: string; value: string }

/** Of many lines at one place the highest and the lowest. */
function endsOf(rows: Pointed[], toRow: (row: Pointed) => Written): Written[] {
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
function stageAreas(spans: StageSpan[], end: number, unit: number, theme: ChartTheme) {
  return {
    silent: true,
    label: { position: 'insideTopLeft' as const, offset: [-2, -16], distance: 0, color: theme.muted, fontSize: 10.5, fontFamily: theme.font },
    data: spans.filter((span) => span.extent > 0).map((span, i): [object, object] => [
      { name: fitting(stageLabel(span.stage), span.extent / end), xAxis: Math.max(0, span.start) / unit, itemStyle: { color: i % 2 === 1 ? theme.shade : 'transparent' } },
      { xAxis: (span.start + span.extent) / unit },
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
  const span = spans.find((candidate) => x > candidate.start && x <= candidate.start + candidate.extent)
  return span ? stageLabel(span.stage) : ''
}

const PLACES: Record<CurveAxis, string> = { step: 'step', time: 'seconds since the first step', tokens: 'tokens trained' }

function metricTable(metric: string, curves: Curve[], spans: StageSpan[], axis: CurveAxis) {
  // Lines whose stages lie apart hardly share a place: a row for each point.
  if (curves.some((curve) => curve.spans)) {
    return {
      columns: [{ label: 'run', numeric: false }, { label: PLACES[axis], numeric: true }, { label: 'stage', numeric: false }, { label: metric, numeric: true }],
      rows: curves.flatMap((curve) => curve.points.map(([x, y]) => [curve.label, x, where(curve.spans ?? spans, x), y])),
    }
  }
  const steps = [...new Set(curves.flatMap((curve) => curve.points.map(([x]) => x)))].sort((a, b) => a - b)
  const values = curves.map((curve) => new Map(curve.points))
  return {
    columns: [{ label: PLACES[axis], numeric: true }, { label: 'stage', numeric: false }, ...curves.map((curve) => ({ label: curves.length > 1 ? `${metric} ${curve.label}` : metric, numeric: true }))],
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
    broken > 0 ? broken === 1 ? '1 figure was not finite and is left out' : `${count(broken)} figures were not finite and are left out` : '',
  ].filter(Boolean)
  return notes.length > 0 ? notes.join(' · ') : null
}
