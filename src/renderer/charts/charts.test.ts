/** What every chart promises: it draws in ECharts, says in its table what it draws, and does not hide what is unclear. */
import { describe, expect, it } from 'vitest'
import { runAxis, UNKNOWN } from '../../core/run-axes.ts'
import { reliability, thresholdCurve as curveOf } from '../../core/threshold.ts'
import type { ScatterPoint, TableRun } from '../../core/run-table.ts'
import type { PairedDifference } from '../../shared/comparison.ts'
import type { Run } from '../../shared/types.ts'
import { byRound, withoutInterval } from './by-round.ts'
import { toCsv, toSvg, withHeading } from './chart-export.ts'
import type { Chart } from './chart.ts'
import { chosenRejected } from './chosen-rejected.ts'
import { conversationMap, legendColours } from './conversation-map.ts'
import { contrastLabel, decidingP, differenceForest, orderDifferences } from './difference-forest.ts'
import { entropyScore } from './entropy-score.ts'
import { evaluationDots } from './evaluation-dots.ts'
import { createMetricLog } from './metric-log.ts'
import { labelMix } from './label-mix.ts'
import { metricCurve } from './metric-curve.ts'
import { PARALLEL, parallelCoordinates } from './parallel-coordinates.ts'
import { range, ridgelines } from './ridgelines.ts'
import { reliabilityDiagram } from './reliability-diagram.ts'
import { runScatter } from './run-scatter.ts'
import { scoreDots } from './score-dots.ts'
import { taskBars } from './task-bars.ts'
import { themeFrom } from './theme.ts'
import { thresholdCurve } from './threshold-curve.ts'

const theme = themeFrom((token) => (token === '--method-drift' ? '#0072b2' : ''))
const draw = (chart: Chart): string => toSvg(chart, { title: 'A title', subtitle: 'a unit', note: chart.note }, theme, { width: 720, height: 240 })
const interval = (estimate: number, half: number) => ({ estimate, low: estimate - half, high: estimate + half })
const difference = (a: string, b: string, estimate: number, half: number, primary = false): PairedDifference => ({
  a, b, temperature: 1, measure: 'score', difference: interval(estimate, half), p: Math.abs(estimate) > half ? 0.002 : 0.4, pAdjusted: primary ? 0.004 : null, primary,
  verdict: Math.abs(estimate) <= half ? 'not distinguishable' : estimate > 0 ? 'ahead' : 'behind', seeds: 3, prompts: 80,
  permutation: { prompts: 0.01, seeds: null }, mcnemar: null, effectSize: 0.5, needed: null,
})

describe('metricCurve', () => {
  it('names many lines once a method, and gives the highest and the lowest of them under the pointer', () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ key: i % 2 ? 'drift' : 'spin', label: `${i % 2 ? 'DRIFT' : 'SPIN'} ${i >> 1}`, color: '#123456', dash: null, points: [[1, i], [10, i]] as [number, number][] }))
    const chart = metricCurve({ metric: 'm', curves: many, spans: [{ stage: 'round-1/train', start: 0, extent: 10 }], theme, zoom: true })
    const svg = draw(chart)
    expect(svg.match(/>DRIFT</g)).toHaveLength(1)
    expect(svg.match(/>SPIN</g)).toHaveLength(1)
    const tooltip = [chart.option.tooltip].flat()[0]!
    const html = (tooltip.formatter as (params: unknown) => string)([{ axisValue: 10 }])
    expect([...html.matchAll(/(DRIFT|SPIN) (\d+)/g)].map(([name]) => name)).toEqual(['DRIFT 19', 'SPIN 19', 'DRIFT 18', 'SPIN 18', 'DRIFT 17', 'SPIN 17', 'DRIFT 2', 'SPIN 2', 'DRIFT 1', 'SPIN 1', 'DRIFT 0', 'SPIN 0'])
    expect(html).toContain('28 between')
    expect(chart.note).toContain('Ctrl and wheel: closer')
  })

  const log = createMetricLog()
  log.append(Array.from({ length: 40 }, (_, i) => ({ stage: i < 20 ? 'warm-start/train' : 'round-1/train', step: (i % 20) + 1, 'rewards/margins': i / 40 })))
  const curve = { key: 'drift', label: 'DRIFT', color: '#0072b2', dash: null, points: log.series('rewards/margins') }

  it('marks rounds and lists each step in its table', () => {
    const chart = metricCurve({ metric: 'rewards/margins', curves: [curve], spans: log.spans(), theme, zero: true })
    expect(chart.table.rows).toHaveLength(40)
    expect(chart.table.rows[25]).toEqual([26, 'round 1', 25 / 40])
    expect(draw(chart)).toContain('round 1')
    expect(chart.note).toBeNull()
    expect(chart.readout?.(26)).toBe('step 26: 0.625')
  })

  it('says when it draws fewer points than there are, smooths, or leaves figures out', () => {
    const chart = metricCurve({ metric: 'loss', curves: [{ ...curve, broken: 2 }], spans: log.spans(), theme, limit: 10, smoothing: 0.6 })
    expect(chart.note).toBe('10 of 40 points drawn (largest triangles) · bold: moving average per round, weight 0.6 · 2 figures were not finite and are left out')
  })

  it('draws a point between gaps as a dot: a line of one point is not seen', () => {
    const points: [number, number | null][] = [[1, 0.5], [2, 0.4], [3, null], [4, 0.3], [5, null], [6, 0.2]]
    const { option, note } = metricCurve({ metric: 'loss', curves: [{ ...curve, points, broken: 1 }], spans: [{ stage: 'train', start: 0, extent: 6 }], theme })
    const dots = [option.series].flat().find((series) => series?.type === 'scatter')
    expect([...(dots?.data as Iterable<number>)]).toEqual([4, 0.3, 6, 0.2])
    expect(note).toBe('1 figure was not finite and is left out')
  })

  it('does not join the last step of a round with the first of the next: their pairs differ', () => {
    const { option } = metricCurve({ metric: 'm', curves: [curve], spans: log.spans(), theme })
    const line = [option.series].flat().find((series) => series?.name === 'DRIFT')
    // Steps and values by turns.
    expect([...(line?.data as Iterable<number>)].findIndex(Number.isNaN)).toBe(2 * 20 + 1)
  })

  it('writes every tick differently: a small change with more digits, steps as whole numbers', () => {
    const early = createMetricLog()
    early.append([0.6937, 0.69362, 0.69315].map((loss, i) => ({ stage: 'warm-start/train', step: i + 1, loss })))
    const svg = draw(metricCurve({ metric: 'loss', curves: [{ ...curve, points: early.series('loss') }], spans: early.spans(), theme }))
    const ticks = [...svg.matchAll(/>([\d.]+)<\/text>/g)].map(([, text]) => text)
    expect(ticks).toContain('3')
    expect(ticks.length).toBe(new Set(ticks).size)
  })

  it('tells time in its unit on the axis and exactly under the pointer, each run in its own stages', () => {
    const run = (label: string, start: number) => ({ ...curve, label, points: [[0, 1], [start + 60, 2], [start + 600.5, 3]] as [number, number][], spans: [{ stage: 'warm-start/train', start: -1, extent: 1 }, { stage: 'round-1/train', start, extent: 600.5 }] })
    const chart = metricCurve({ metric: 'loss', curves: [run('DRIFT 1', 100), run('DRIFT 2', 500)], spans: [], axis: 'time', theme })
    expect(draw(chart)).toContain('min since the first step, pauses left out')
    const tooltip = [chart.option.tooltip].flat()[0]!
    const html = (tooltip.formatter as (params: unknown) => string)([{ axisValue: 700.5 / 60 }])
    expect(html).toContain('11:41')
    expect(html).toContain('DRIFT 1, round 1')
    expect(html).not.toContain('DRIFT 2')
    expect(chart.table.columns.map(({ label }) => label)).toEqual(['run', 'seconds since the first step', 'stage', 'loss'])
    expect(chart.table.rows).toContainEqual(['DRIFT 2', 1100.5, 'round 1', 3])
  })

  it('writes memory with its unit', () => {
    const chart = metricCurve({ metric: 'system/memory_bytes', curves: [{ ...curve, points: [[1, 512e6], [40, 1.25e9]] }], spans: log.spans(), theme, zero: true })
    expect(chart.readout?.(40)).toBe('step 40: 1.25 GB')
    expect(draw(chart)).toContain('>1.2 GB<')
  })

  it('names lines at their end when there are several', () => {
    const chart = metricCurve({ metric: 'm', curves: [curve, { ...curve, key: 'spin', label: 'SPIN' }], spans: log.spans(), theme })
    expect(draw(chart)).toMatch(/DRIFT[^]*SPIN/)
  })
})

describe('byRound', () => {
  const chart = byRound({
    measure: 'task score',
    theme,
    reference: { label: 'Base', value: interval(0.559, 0.02) },
    series: [{ key: 'drift', label: 'DRIFT', points: [{ round: 0, value: interval(0.644, 0.01) }, { round: 1, value: withoutInterval(null) }, { round: 2, value: interval(0.801, 0.05) }] }],
  })

  it('labels the line and the base directly', () => {
    expect(draw(chart)).toMatch(/Base 0\.559/)
    expect(draw(chart)).toContain('DRIFT')
    expect(draw(chart)).toContain('warm start')
  })

  it('lists estimates with bounds, and no bounds where there are none', () => {
    expect(chart.table.rows[0]).toEqual(['Base', null, 0.559, expect.closeTo(0.539), expect.closeTo(0.579)])
    expect(chart.table.rows[2]!.slice(3)).toEqual([null, null])
  })
})

it('scoreDots writes each figure with its interval and names the upper bound', () => {
  const svg = draw(scoreDots({ measure: 'task score', theme, rows: [{ key: 'iterative-dpo-oracle', label: 'Iterative DPO (oracle)', value: interval(0.828, 0.018), n: '3 seeds × 80 prompts', round: 'round 3' }] }))
  expect(svg).toContain('0.828 [0.810, 0.846]')
  expect(svg).toContain('upper bound')
})

describe('differenceForest', () => {
  const rows = [difference('drift', 'spin', 0.009, 0.077), difference('drift', 'base', 0.237, 0.119, true), difference('spin', 'base', 0.228, 0.043)]

  it('says "not distinguishable" in words, and marks the declared contrasts', () => {
    const svg = draw(differenceForest({ measure: 'task score', differences: rows, theme }))
    expect(svg).toContain('not distinguishable')
    expect(svg).toContain('p 0.004*')
    expect(svg).toContain('no difference')
  })

  it('orders against base first, larger first', () => {
    expect(orderDifferences(rows).map(contrastLabel)).toEqual(['DRIFT − Base', 'SPIN − Base', 'DRIFT − SPIN'])
  })

  it('judges by the adjusted p where the contrast was declared', () => {
    expect(rows.map(decidingP)).toEqual(['0.40', '0.004*', '0.002'])
  })
})

describe('ridgelines', () => {
  it('says the share beyond the mark per round', () => {
    const chart = ridgelines({ measure: 'margin', rounds: [{ round: 1, n: 4, values: [-1, 1, 2, 3] }, { round: 2, n: 4, values: [1, 2, 3, 4] }], color: '#0072b2', theme, mark: { at: 0, label: 'no preference' }, share: 'ordered' })
    expect(chart.table.rows).toEqual([[1, 4, 0.5, 1.5, 2.25, 0.75], [2, 4, 1.75, 2.5, 3.25, 1]])
    expect(draw(chart)).toContain('75 % ordered')
  })

  it('lets no outlier flatten the rest, and keeps the mark in sight', () => {
    const values = [...Array.from({ length: 1000 }, (_, i) => 1 + i / 1000), 500]
    const [low, high] = range(values, 0)
    expect(low).toBeLessThan(0)
    expect(high).toBeLessThan(3)
  })
})

it('chosenRejected draws a panel per method', () => {
  const points = [{ round: 1, chosenScore: 0.83, rejectedScore: 0.45, pairAccuracy: 0.92 }, { round: 2, chosenScore: 0.84, rejectedScore: null, pairAccuracy: null }]
  const chart = chosenRejected({ theme, panels: [{ key: 'drift', label: 'DRIFT', points }, { key: 'spin', label: 'SPIN', points }] })
  expect(draw(chart)).toMatch(/DRIFT[^]*SPIN/)
  expect(chart.table.rows[1]).toEqual(['DRIFT', 2, 0.84, null, null])
})

it('toSvg is well-formed whatever quotes the font names have', () => {
  const quoted = themeFrom((token) => (token === '--font-sans' ? '"Inter Variable", sans-serif' : ''))
  const svg = toSvg(scoreDots({ measure: 'm', theme: quoted, rows: [{ key: 'drift', label: 'DRIFT', value: interval(0.5, 0.1), n: '', round: '' }] }), { title: 'A "quoted" & <odd> title', subtitle: '', note: null }, quoted, { width: 400, height: 100 })
  for (const tag of svg.replace(/<!\[CDATA\[[^]*?\]\]>/g, '').match(/<[^>]*>/g) ?? []) expect(tag).toMatch(/^<\/?[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/)
})

it('toCsv quotes where it must and keeps full precision', () => {
  expect(toCsv({ columns: [{ label: 'a,b', numeric: false }, { label: 'x', numeric: true }], rows: [['say "hi"', 0.1234567890123], [null, 1]] })).toBe('"a,b",x\r\n"say ""hi""",0.1234567890123\r\n,1\r\n')
})

it('text from data cannot become markup in a tooltip', async () => {
  const { tooltipHtml } = await import('./chart.ts')
  expect(tooltipHtml(theme, '<img src=x>', [])).not.toContain('<img')
})

describe('the threshold workbench', () => {
  const reviewed = Array.from({ length: 60 }, (_, i) => ({ probability: (i * 7 % 20) / 20, dissatisfied: i % 3 === 0 }))
  const curve = curveOf(reviewed, [0, 0.5, 0.96])

  it('draws precision, recall and F1 with their names, and leaves a gap where precision is not defined', () => {
    const chart = thresholdCurve({ curve, theme })
    expect(draw(chart)).toMatch(/Precision[^]*Recall[^]*F1/)
    expect(chart.table.rows[0]).toEqual([0, 60, 20, expect.closeTo(1 / 3), expect.any(Number), expect.any(Number), 1, expect.any(Number), 1, 0.5, expect.any(Number), expect.any(Number)])
    expect(chart.table.rows[2]?.slice(0, 6)).toEqual([0.96, 0, 0, null, null, null])
  })

  it('says how probabilities hold in numbers too', () => {
    const chart = reliabilityDiagram({ reliability: reliability(reviewed)!, theme })
    expect(chart.note).toMatch(/^Brier score 0\.\d{3}, expected calibration error 0\.\d{3}/)
    expect(chart.table.rows.reduce((sum, row) => sum + Number(row[2]), 0)).toBe(60)
    expect(draw(chart)).toContain('mean probability of the bin')
  })

  it('lists the labels of every cut-off', () => {
    const chart = labelMix({ mix: [{ dissatisfied: 9, satisfied: 0, neutral: 1 }, { dissatisfied: 2, satisfied: 3, neutral: 5 }], theme })
    expect(chart.table.rows).toEqual([[0, 9, 1, 0], [1, 2, 5, 3]])
    expect(draw(chart)).toContain('cut-off on the probability')
  })
})

describe('evaluationDots', () => {
  const rows = [{ label: 'verbose-7b', value: interval(41.7, 5), other: 60.2, n: '805 answers', selected: true }, { label: 'short-7b', value: interval(23.5, 4), other: null, n: '805 answers', selected: false }]

  it('draws the controlled rate with its interval beside the plain one, and lists both', () => {
    const chart = evaluationDots({ measure: 'LC win rate', other: 'win rate', rows, theme })
    expect(chart.table.rows).toEqual([['verbose-7b', 41.7, 36.7, 46.7, 60.2, '805 answers'], ['short-7b', 23.5, 19.5, 27.5, null, '805 answers']])
    expect(chart.note).toBe('hollow: win rate')
    expect(draw(chart)).toContain('41.7 [36.7, 46.7]')
  })
  it('of one figure alone says nothing of hollow dots', () => {
    expect(evaluationDots({ measure: 'WB-Score', other: null, rows, theme })).toMatchObject({ note: null, table: { columns: [{ label: 'model' }, { label: 'WB-Score' }, { label: '95 % low' }, { label: '95 % high' }, { label: 'over' }] } })
  })
})

describe('entropyScore', () => {
  const point = (temperature: number, entropy: number, score: number) => ({ temperature, entropy, score: interval(score, 0.05) })
  const lines = [
    { key: 'base', round: -1, points: [point(0, 0, 0.5), point(0.3, 0.5, 0.45), point(1, 2, 0.2)] },
    { key: 'drift', round: 3, points: [point(0, 0, 0.7), point(0.3, 0.2, 0.68), point(1, 1, 0.6)] },
  ]

  it('draws a line per method through any temperatures, names the base’s, and lists every point with its interval', () => {
    const chart = entropyScore({ measure: 'task score', lines, temperatures: [1, 0.3, 0], theme })
    expect(chart.table.rows[1]).toEqual(['Base', 0.3, 0.5, 0.45, 0.4, 0.5])
    expect(chart.table.rows).toHaveLength(6)
    expect(chart.note).toBe('dotted uprights: the entropy of the base at each temperature')
    const svg = draw(chart)
    for (const text of ['Base', 'DRIFT', 'T = 0', 'T = 0.3', 'T = 1', 'token entropy, nats']) expect(svg).toContain(`>${text}<`)
    const html = ([chart.option.tooltip].flat()[0]!.formatter as (params: unknown) => string)({ seriesName: 'drift', dataIndex: 2 })
    expect(html).toContain('DRIFT, T = 1')
    expect(html).toContain('1.000 nats')
  })
  it('says where too few temperatures were evaluated, and how to get more', () => {
    const chart = entropyScore({ measure: 'task score', lines: lines.map((line) => ({ ...line, points: line.points.slice(2) })), temperatures: [1], theme })
    expect(chart.note).toContain('T = 1 alone')
    expect(chart.note).toContain('temperatures: [0, 0.3, 0.7, 1]')
    expect(draw(chart)).toContain('>DRIFT<')
  })
})

describe('taskBars', () => {
  const chart = taskBars({ measure: 'WB-Score', groups: ['Math', 'Coding'], series: [{ label: 'a', figures: { Math: -12.5, Coding: 30 }, selected: true }, { label: 'b', figures: { Math: 4 }, selected: false }], theme })

  it('draws a bar per model and group, with its figure; a missing one is a gap and an empty cell', () => {
    expect(chart.table.rows).toEqual([['Math', -12.5, 4], ['Coding', 30, null]])
    const svg = draw(chart)
    for (const text of ['Math', 'Coding', '−12.5', '30.0', '4.0']) expect(svg).toContain(text)
  })
})

describe('conversationMap', () => {
  const legend = [{ label: 'shop', value: 'shop', count: 2 }, { label: 'forum', value: 'forum', count: 1 }, { label: 'none', value: null, count: 1 }]
  const build = (codes: number[], colour: 'source' | 'turns' = 'source') => conversationMap({ xy: Float32Array.of(0, 0, 2, 4, 4, 0, 1, 1), codes: Uint8Array.from(codes), legend, colour, bounds: { x: [-1, 5], y: [-1, 5] }, note: 'all', theme })

  it('draws a point a conversation in its value’s colour, the others as a shade, and no series of nothing', () => {
    const chart = build([0, 0, 255, 2])
    expect([chart.option.series].flat().map((series) => (series?.data as Float32Array).length / 2)).toEqual([2, 1, 1])
    expect(chart.table.rows).toEqual([['shop', 2, 2, 1, 2], ['forum', 0, 1, null, null], ['none', 1, 1, 1, 1]])
    const svg = draw(chart)
    for (const color of [theme.hues[0]!, theme.rest, theme.axis]) expect(svg).toContain(color)
    expect(svg).not.toContain(theme.hues[1])
  })

  it('goes from light to dark where values have an order', () => {
    expect(legendColours(legend, 'turns', theme)).toEqual([theme.ramp[0], theme.ramp[1], theme.rest])
  })
})

describe('runScatter', () => {
  const point = (id: string, method: string, x: number | string, y: number): ScatterPoint => ({ run: { id, name: id, method, group: null } as Run, columns: undefined, x, y })
  const build = (points: ScatterPoint[], log = false): Chart => runScatter({ points, left: 2, x: { label: 'training.beta', log }, y: { label: 'loss', log: false }, marked: new Set(['b']), theme })

  it('draws one marker a run in its method\'s look, names the run under the pointer, and counts those left out', () => {
    const chart = build([point('a', 'drift', 0.1, 0.6), point('b', 'spin', 0.05, 0.7)])
    expect(draw(chart)).toContain('DRIFT')
    expect(chart.table.rows).toEqual([['a', 'DRIFT', 0.1, 0.6], ['b', 'SPIN', 0.05, 0.7]])
    expect(chart.note).toContain('2 of 4 runs are not drawn')
    const tooltip = [chart.option.tooltip].flat()[0]!
    const series = chart.option.series as { data: object[] }[]
    expect((tooltip.formatter as (params: unknown) => string)({ data: series[1]!.data[0] })).toContain('>b<')
  })

  it('draws logarithmic axes and settings that are words', () => {
    expect(draw(build([point('a', 'drift', 1e-6, 0.6), point('b', 'spin', 1e-3, 0.7)], true))).toContain('1.00e')
    expect(draw(build([point('a', 'drift', 'rmsprop', 0.6), point('b', 'spin', 'adamw_torch', 0.7)]))).toContain('adamw_torch')
  })
})

describe('parallelCoordinates', () => {
  const row = (id: string, beta: string | null, loss: number | null, method = 'drift'): TableRun => ({ run: { id, name: id, method } as Run, columns: { id, score: null, last: loss === null ? {} : { loss }, settings: beta === null ? {} : { beta } } })
  const rows = [row('a', '0.1', 0.5), row('b', '0.2', 0.7, 'spin'), row('c', null, 0.6)]
  const axes = ['method', 'beta', 'loss'].map((key) => runAxis(rows, key, (a, b) => a.localeCompare(b)))
  const chartOf = (options: { inside?: ReadonlySet<string>; colour?: 'figure' | 'method' } = {}) => parallelCoordinates({ rows, axes, labelOf: (key) => key, colour: options.colour ?? 'figure', inside: options.inside ?? null, marked: new Set(), theme })
  const linesOf = (chart: Chart, name: string) => ([chart.option.series].flat().find((series) => series?.name === name)?.data ?? []) as { value: number[]; lineStyle: { color: string } }[]

  it('draws every run, those without a value at “unknown”, and says how many', () => {
    const chart = chartOf()
    expect(linesOf(chart, 'runs')).toHaveLength(3)
    expect(linesOf(chart, 'runs').find(({ value }) => value[1] === UNKNOWN)?.value[2]).toBeCloseTo(0.5)
    expect(draw(chart)).toContain('>unknown<')
    expect(chart.note).toContain('1 without beta, drawn at “unknown”')
    expect(chart.table.rows).toContainEqual(['c', 'DRIFT', null, 0.6])
  })

  it('colours by the figure from little to much, or by the method with its legend', () => {
    expect(linesOf(chartOf(), 'runs').map(({ lineStyle }) => lineStyle.color)).toEqual([theme.ramp[0], expect.any(String), theme.ramp[1]])
    expect(draw(chartOf({ colour: 'method' }))).toMatch(/>DRIFT<[^]*>SPIN</)
  })

  it('draws what lies outside the brushes without colour, and lists the rest alone', () => {
    const chart = chartOf({ inside: new Set(['b']) })
    expect(linesOf(chart, 'outside')).toHaveLength(2)
    expect(chart.table.rows.map(([name]) => name)).toEqual(['b'])
  })

  it('leaves its heading free in a file', () => {
    const { parallel } = withHeading(chartOf().option, { title: 't', subtitle: 's', note: null }, theme)
    expect([parallel].flat()[0]!.top).toBe(PARALLEL.top + 50)
  })
})
