/** Answers on a plane: filled where they pass, hollow where not, coloured by method. The axes are the plane's for all rounds. */
import type { EChartsOption } from 'echarts'
import { type Exploration, isStart } from '../../shared/comparison.ts'
import { baseOption, type Chart, escapeHtml, pointBeside, pointUnder } from './chart.ts'
import { roundLabel } from './by-round.ts'
import { count, fixed, percent } from './format.ts'
import { methodStyle } from './methods.ts'
import type { ChartTheme } from './theme.ts'

type Point = Exploration['map']['points'][number]

/** @param embedding how texts were turned into points @param methods keys in the exploration's order @param shown which of them are drawn */
export function answerMap({ map, embedding, methods, shown, round, theme }: { map: Exploration['map']; embedding: string; methods: readonly string[]; shown: ReadonlySet<string>; round: number; theme: ChartTheme }): Chart {
  // The base and the warm start have one round, and are drawn at every one to compare with.
  const at = map.points.filter((point) => shown.has(methods[point.method]!) && (point.round === round || isStart(methods[point.method]!)))
  const xs = map.points.map(({ x }) => x)
  const ys = map.points.map(({ y }) => y)
  const hidden = (values: number[]) => ({ type: 'value' as const, min: Math.min(...values), max: Math.max(...values), show: false })
  const series = methods.filter((key) => shown.has(key)).flatMap((key) => {
    const own = at.filter((point) => methods[point.method] === key)
    const color = theme.method(key)
    return [
      { type: 'scatter' as const, name: key, data: own.filter(({ pass }) => !pass).map(toItem), symbolSize: 5, itemStyle: { color: 'transparent', borderColor: color, borderWidth: 1, opacity: 0.35 }, emphasis: { disabled: true } },
      { type: 'scatter' as const, name: key, data: own.filter(({ pass }) => pass).map(toItem), symbolSize: 6, z: 3, itemStyle: { color, opacity: 0.75 }, emphasis: { disabled: true } },
    ]
  })
  const base = baseOption(theme)
  const option: EChartsOption = {
    ...base,
    grid: { left: 4, right: 4, top: 4, bottom: 4 },
    xAxis: hidden(xs),
    yAxis: hidden(ys),
    series,
    tooltip: {
      ...base.tooltip,
      trigger: 'item',
      formatter(params: unknown) {
        const point = pointUnder(params) as Point | null
        if (point === null) return ''
        return `<div style="max-width:26rem;white-space:pre-wrap">${escapeHtml(point.text)}</div><div style="color:${theme.muted};padding-top:2px">${escapeHtml(`${methodStyle(methods[point.method]!).label}, ${roundLabel(point.round)}, prompt ${point.prompt + 1}, ${point.pass ? 'passes' : 'does not pass'}`)}</div>`
      },
    },
  }
  return {
    option,
    note: `filled: passes; click: where an answer comes from. ${count(at.length)} answers of seed ${map.seed} drawn; the map holds ${count(map.points.length)} of ${count(map.of)}. Likeness is ${embedding}. ${farWords(map)}`,
    table: {
      columns: [{ label: 'method', numeric: false }, { label: 'at', numeric: false }, { label: 'prompt', numeric: true }, { label: 'passes', numeric: false }, { label: 'x', numeric: true }, { label: 'y', numeric: true }, { label: 'answer', numeric: false }],
      rows: at.map((point) => [methodStyle(methods[point.method]!).label, roundLabel(point.round), point.prompt + 1, point.pass ? 'yes' : 'no', point.x, point.y, point.text]),
    },
  }
}

/** What a reader may take from places on the map. */
const farWords = ({ trustworthiness, refit }: Exploration['map']): string => `${trustworthiness === null ? '' : `Near is alike, trustworthiness ${fixed(trustworthiness, 2)}; `}${refit === null ? '' : `laid out again from another start, ${percent(refit.overlap)} of an answer’s 15 nearest stay the same (trustworthiness ${fixed(refit.trustworthiness, 2)}): read neighbourhoods, not places; `}distances between far clusters mean little.`

const toItem = (point: Point): { value: [number, number]; point: Point } => ({ value: [point.x, point.y], point })

/** The answer behind a mark. */
export const pointOf = (item: unknown): Point | null => pointBeside(item) as Point | null
