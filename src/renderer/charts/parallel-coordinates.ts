/** Runs as lines over parallel axes, a setting or a figure each: which settings go with which figure. */
import type { EChartsOption } from 'echarts'
import { placeOf, type RunAxis, UNKNOWN, valueOf } from '../../core/run-axes.ts'
import type { TableRun } from '../../core/run-table.ts'
import { baseOption, type Cell, type Chart } from './chart.ts'
import { count, significant } from './format.ts'
import { compareMethods, methodStyle } from './methods.ts'
import { between, type ChartTheme } from './theme.ts'

type Input = {
  rows: readonly TableRun[]
  axes: readonly RunAxis[]
  labelOf: (key: string) => string
  colour: 'figure' | 'method'
  /** Ids of the runs within the brushes; null where there are none. */
  inside: ReadonlySet<string> | null
  marked: ReadonlySet<string>
  theme: ChartTheme
}

/** Px around the axes: what lies over the picture must know where they are. */
export const PARALLEL = { left: 64, right: 76, top: 46, bottom: 18 }
/** Ends of every axis, where the lower one has room for what is not known. */
export const lowestOf = (axes: readonly RunAxis[]): number => (axes.some(({ unknown }) => unknown > 0) ? UNKNOWN * 1.25 : -0.02)
export const HIGHEST = 1.02
/** Of more axes the names stand on two lines by turns: keys are long. */
const ONE_LINE = 5

export function parallelCoordinates({ rows, axes, labelOf, colour, inside, marked, theme }: Input): Chart {
  const figure = axes.at(-1)!
  const colourOf = colour === 'method' ? ({ run }: TableRun): string => theme.method(run.method) : byFigure(figure, theme)
  const places = axes.map((axis) => [axis, valueOf(axis.key)] as const)
  const lineOf = (row: TableRun): number[] => places.map(([axis, of]) => placeOf(axis, of(row)))
  const [within, outside] = [[] as TableRun[], [] as TableRun[]]
  for (const row of rows) (inside === null || inside.has(row.run.id) ? within : outside).push(row)
  // The best are drawn last, over the others.
  const figureAt = ((of) => (row: TableRun): number => placeOf(figure, of(row)))(valueOf(figure.key))
  if (colour === 'figure') within.sort((a, b) => figureAt(a) - figureAt(b))
  const opacity = Math.max(0.16, Math.min(0.75, 60 / Math.max(1, within.length)))
  const lines = (name: string, of: readonly TableRun[], style: (row: TableRun) => object, z: number) => ({
    type: 'parallel' as const, name, silent: true, progressive: 0, z, lineStyle: { width: 1.25, opacity }, emphasis: { disabled: true }, data: of.map((row) => ({ value: lineOf(row), lineStyle: style(row) })),
  })
  const methods = colour === 'method' ? [...Map.groupBy(within, ({ run }) => run.method)].sort(([a], [b]) => compareMethods(a, b)) : []
  const strong = within.filter(({ run }) => marked.has(run.id))
  const option: EChartsOption = {
    ...baseOption(theme),
    // A legend takes its colours from here, in the order of the series.
    color: [theme.rest, ...methods.map(([method]) => theme.method(method))],
    tooltip: { show: false },
    legend: { show: colour === 'method', top: 0, left: 0, itemWidth: 14, itemHeight: 4, itemGap: 14, icon: 'rect', selectedMode: false, itemStyle: { borderWidth: 0 }, textStyle: { color: theme.text, fontSize: 12 }, data: methods.map(([method]) => methodStyle(method).label) },
    parallel: { ...PARALLEL, axisExpandable: false },
    parallelAxis: axes.map((axis, dim) => axisOption(axis, dim, labelOf(axis.key), axis === figure && colour === 'figure', axes, theme)),
    series: [
      lines('outside', outside, () => ({ color: theme.rest, opacity: Math.max(0.03, Math.min(0.2, 30 / outside.length)), width: 1 }), 1),
      ...(colour === 'method'
        ? methods.map(([method, of]) => lines(methodStyle(method).label, of, (row) => ({ color: colourOf(row) }), 2))
        : [lines('runs', within, (row) => ({ color: colourOf(row) }), 2)]),
      lines('marked', strong, (row) => ({ color: colourOf(row), opacity: 1, width: 2.5 }), 3),
    ],
  }
  const unknown = axes.filter((axis) => axis.unknown > 0)
  const notes = [
    ...unknown.map((axis) => `${count(axis.unknown)} without ${labelOf(axis.key)}, drawn at “unknown”`),
    ...axes.filter(({ names, ticks }) => names.size > ticks.length).map((axis) => `${labelOf(axis.key)}: ${count(axis.ticks.length)} of ${count(axis.names.size)} names written`),
    'Drag along an axis: narrow the list; click a line: open; Ctrl and click: select',
  ]
  return {
    option,
    note: notes.join(' · '),
    get table() {
      return {
        columns: [{ label: 'run', numeric: false }, ...axes.map((axis) => ({ label: labelOf(axis.key), numeric: axis.scale !== 'names' }))],
        rows: within.map((row) => [row.run.name, ...places.map(([axis, of]): Cell => (axis.key === 'method' ? methodStyle(row.run.method).label : of(row)))]),
      }
    },
  }
}

/** As it is said at a tick or under the pointer. */
export function valueWords(key: string, value: string | number | null, digits = 3): string {
  if (value === null) return 'unknown'
  if (typeof value === 'number') {
    const size = Math.abs(value)
    if (size === 0 || (size >= 1e-3 && size < 1e5)) return significant(value, digits)
    // As a recipe writes it: 1e-6, not 1.00e-6.
    const text = Number(size.toPrecision(digits)).toExponential().replace('e+', 'e')
    return value < 0 ? `−${text}` : text
  }
  return key === 'method' ? methodStyle(value).short : value
}

function byFigure(figure: RunAxis, theme: ChartTheme): (row: TableRun) => string {
  const of = valueOf(figure.key)
  return (row) => {
    const place = placeOf(figure, of(row))
    return place === UNKNOWN ? theme.rest : between(theme.ramp, place)
  }
}

const NEAR = 1e-6

/** Places are ours, so that names, logarithms and what is not known stand on one kind of axis. */
function axisOption(axis: RunAxis, dim: number, label: string, hasRamp: boolean, axes: readonly RunAxis[], theme: ChartTheme) {
  const ticks = [...(axis.unknown > 0 ? [{ value: null, place: UNKNOWN }] : []), ...axis.ticks]
  const customValues = ticks.map(({ place }) => place)
  const name = `${label}${axis.scale === 'log' ? ', log' : ''}`
  return {
    dim, name, type: 'value' as const, min: lowestOf(axes), max: HIGHEST, z: 30,
    nameLocation: 'end' as const, nameGap: 8,
    nameTextStyle: { color: theme.text, fontSize: 11.5, fontWeight: 500 as const, align: dim === 0 ? ('left' as const) : dim === axes.length - 1 ? ('right' as const) : ('center' as const), padding: [0, 0, axes.length > ONE_LINE && dim % 2 === 1 ? 13 : 0, dim === 0 ? -PARALLEL.left + 6 : 0] },
    axisLine: { lineStyle: hasRamp ? { width: 5, color: { type: 'linear' as const, x: 0, y: 1, x2: 0, y2: 0, colorStops: [{ offset: 0, color: theme.ramp[0] }, { offset: 1, color: theme.ramp[1] }] } } : { color: theme.axis, width: 1 } },
    axisTick: { show: true, length: 4, lineStyle: { color: theme.axis }, customValues },
    axisLabel: { color: theme.muted, fontSize: 11, customValues, width: 90, overflow: 'truncate' as const, formatter: (at: number) => { const tick = ticks.find(({ place }) => Math.abs(place - at) < NEAR); return tick ? valueWords(axis.key, tick.value) : '' }, textBorderColor: theme.surface, textBorderWidth: 3 },
    splitLine: { show: false },
    areaSelectStyle: { width: 0 },
  }
}
