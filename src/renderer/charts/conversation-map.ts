/** Conversations on a plane, coloured by a facet; those that do not pass the filter stay as a shade of the whole. */
import type { EChartsOption } from 'echarts'
import type { MapColour, MapLegendEntry } from '../../shared/conversation-map.ts'
import { NOT_PASSING } from '../../shared/conversation-map.ts'
import { baseOption, type Chart } from './chart.ts'
import { between, type ChartTheme } from './theme.ts'

type Input = { xy: Float32Array; codes: Uint8Array; legend: readonly MapLegendEntry[]; colour: MapColour; bounds: { x: [number, number]; y: [number, number] }; note: string; theme: ChartTheme }

/** Beyond so many points marks are squares, drawn in one go. */
const LARGE = 3000

/** The colour of each legend entry: a user's reaction has its own, what has an order goes from light to dark, other values stand apart. */
export function legendColours(legend: readonly MapLegendEntry[], colour: MapColour, theme: ChartTheme): string[] {
  const valued = legend.filter(({ value }) => value !== null)
  const ordered = colour === 'turns' || colour === 'length' || colour === 'date'
  return legend.map((entry) => {
    if (entry.value === null) return theme.rest
    if (colour === 'signal') return theme.signal[entry.value as keyof ChartTheme['signal']] ?? theme.rest
    const at = valued.indexOf(entry)
    return ordered ? between(theme.ramp, valued.length < 2 ? 1 : at / (valued.length - 1)) : (theme.hues[at] ?? theme.rest)
  })
}

export function conversationMap({ xy, codes, legend, colour, bounds, note, theme }: Input): Chart {
  const colours = legendColours(legend, colour, theme)
  const own = pointsByCode(xy, codes, legend.length)
  const passing = own.slice(0, -1).reduce((sum, points) => sum + points.length / 2, 0)
  const hidden = ([min, max]: [number, number]) => ({ type: 'value' as const, min, max, show: false })
  const series = (data: Float32Array, color: string, opacity: number, size: number, z: number) => ({ type: 'scatter' as const, data, dimensions: ['x', 'y'], silent: true, animation: false, large: xy.length / 2 > LARGE, largeThreshold: 0, progressive: 0, symbolSize: size, z, itemStyle: { color, opacity }, emphasis: { disabled: true } })
  const size = passing > LARGE ? 3 : 6
  const option: EChartsOption = {
    ...baseOption(theme),
    tooltip: { show: false },
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: hidden(bounds.x),
    yAxis: hidden(bounds.y),
    // ECharts stops drawing at a large series of nothing.
    series: own.flatMap((points, code) => (points.length === 0 ? [] : code === legend.length ? [series(points, theme.axis, 0.25, Math.min(3, size), 1)] : [series(points, colours[code]!, passing > LARGE ? 0.7 : 0.85, size, legend[code]!.value === null ? 2 : 3)])),
  }
  return {
    option,
    note,
    table: {
      columns: [{ label: colour, numeric: false }, { label: 'shown', numeric: true }, { label: 'on the map', numeric: true }, { label: 'mean x', numeric: true }, { label: 'mean y', numeric: true }],
      rows: legend.map(({ label, count }, code) => [label, own[code]!.length / 2, count, meanOf(own[code]!, 0), meanOf(own[code]!, 1)]),
    },
  }
}

/** Pairs of each code, those that do not pass last. */
function pointsByCode(xy: Float32Array, codes: Uint8Array, entries: number): Float32Array[] {
  const counts = new Uint32Array(entries + 1)
  const placeOf = (code: number): number => (code === NOT_PASSING ? entries : code)
  for (const code of codes) counts[placeOf(code)]! += 1
  const points = Array.from(counts, (count) => new Float32Array(2 * count))
  const filled = new Uint32Array(entries + 1)
  codes.forEach((code, i) => {
    const place = placeOf(code)
    points[place]!.set(xy.subarray(2 * i, 2 * i + 2), 2 * filled[place]!++)
  })
  return points
}

function meanOf(points: Float32Array, offset: 0 | 1): number | null {
  if (points.length === 0) return null
  let sum = 0
  for (let i = offset; i < points.length; i += 2) sum += points[i]!
  return sum / (points.length / 2)
}
