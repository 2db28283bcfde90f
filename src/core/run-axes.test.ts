import { describe, expect, it } from 'vitest'
import type { RunColumns } from '../shared/run-table.ts'
import type { Run } from '../shared/types.ts'
import { axisFields, type Brush, brushOf, placeOf, printBrush, rangeOf, readBrush, runAxis, UNKNOWN, withinBrushes } from './run-axes.ts'
import type { TableRun } from './run-table.ts'

function aRun(id: string, settings: Record<string, string>, { method = 'drift', score = null, last = {} }: { method?: string; score?: number | null; last?: Record<string, number> } = {}): TableRun {
  const columns: RunColumns = { id, score: score === null ? null : { value: { estimate: score, low: score, high: score }, n: 10 }, last, settings }
  return { run: { id, name: id, method } as Run, columns }
}
const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
const rows = [
  aRun('a', { 'training.beta': '0.1', 'training.optim': '"rmsprop"', 'training.learning_rate': '1e-7', seed: '1' }, { score: 0.5 }),
  aRun('b', { 'training.beta': '0.2', 'training.optim': '"adamw_torch"', 'training.learning_rate': '1e-5', seed: '2' }, { score: 0.9, method: 'spin' }),
  aRun('c', { 'training.beta': '0.3', 'training.optim': '"rmsprop"', seed: '1' }),
]
const axisOf = (key: string, of: readonly TableRun[] = rows) => runAxis(of, key, byName)
const inside = (...brushes: Brush[]): string[] => withinBrushes(rows, brushes).map(({ run }) => run.id)

describe('an axis', () => {
  it('of numbers lies evenly, with few different ones as ticks', () => {
    const axis = axisOf('training.beta')
    expect(axis).toMatchObject({ scale: 'linear', low: 0.1, high: 0.3, unknown: 0 })
    expect(axis.ticks.map(({ value, place }) => [value, Number(place.toFixed(6))])).toEqual([[0.1, 0], [0.2, 0.5], [0.3, 1]])
  })

  it('of numbers that lie far apart has their logarithm, and says how many are not known', () => {
    const axis = axisOf('training.learning_rate')
    expect(axis).toMatchObject({ scale: 'log', low: 1e-7, high: 1e-5, unknown: 1 })
    const rates = (...given: number[]) => axisOf('loss', given.map((loss, i) => aRun(`r${i}`, {}, { last: { loss } }))).scale
    expect([rates(5e-7, 1e-6, 5e-6, 1e-5), rates(0.05, 0.3, 0.6, 0.9), rates(1, 2, 5), rates(0, 1, 1000)]).toEqual(['log', 'linear', 'linear', 'linear'])
    expect(placeOf(axis, 1e-6)).toBeCloseTo(0.5, 12)
    expect(placeOf(axis, null)).toBe(UNKNOWN)
  })

  it('of a setting that some runs leave null has numbers, and those runs at the end that is not known', () => {
    const axis = axisOf('max_steps', ['100', 'null', '400'].map((steps, i) => aRun(`r${i}`, { max_steps: steps })))
    expect(axis).toMatchObject({ scale: 'linear', low: 100, high: 400, unknown: 1, names: new Map() })
  })

  it('of names gives each a slot from the top', () => {
    const axis = axisOf('training.optim')
    expect(axis.ticks).toEqual([{ value: 'adamw_torch', place: 0.75 }, { value: 'rmsprop', place: 0.25 }])
  })

  it('of many numbers has round ticks, and of a single one stands in its middle', () => {
    const many = Array.from({ length: 40 }, (_, i) => aRun(`r${i}`, {}, { last: { loss: 0.313 + i / 100 } }))
    expect(axisOf('loss', many).ticks.map(({ value }) => value)).toEqual([0.4, 0.5, 0.6, 0.7])
    const wide = Array.from({ length: 40 }, (_, i) => aRun(`r${i}`, {}, { last: { loss: 10 ** (i / 8) } }))
    expect(axisOf('loss', wide).ticks.map(({ value }) => value)).toEqual([1, 10, 100, 1000, 10_000])
    expect(axisOf('loss', many.slice(0, 1)).ticks).toEqual([{ value: 0.313, place: 0.5 }])
  })

  it('takes a figure that is no number for an unknown one', () => {
    expect(axisOf('loss', [aRun('x', {}, { last: { loss: Number.NaN } }), aRun('y', {}, { last: { loss: 1 } })])).toMatchObject({ unknown: 1, low: 1, high: 1 })
  })
})

it('the method and the settings that differ are axes where none are chosen, seeds to be added; more than fit are counted', () => {
  expect(axisFields(rows, 'score')).toEqual({ offered: ['method', 'training.beta', 'training.optim', 'training.learning_rate', 'seed', 'score', 'seconds'], chosen: ['method', 'training.beta', 'training.optim', 'training.learning_rate', 'score'], left: 0 })
  const wide = [0, 1].map((i) => aRun(`w${i}`, Object.fromEntries(Array.from({ length: 12 }, (_, k) => [`key${k}`, String(i)]))))
  const { chosen, left } = axisFields(wide, 'loss')
  expect([chosen.length, left]).toEqual([8, 5])
})

describe('a brush', () => {
  it('on numbers holds what lies within its ends, and is open where it reaches the end of the axis', () => {
    const axis = axisOf('training.beta')
    expect(brushOf(axis, 0.4, 0.6)).toEqual({ key: 'training.beta', unknown: false, low: 0.18, high: 0.22 })
    expect(brushOf(axis, 1.01, 0.4)).toEqual({ key: 'training.beta', unknown: false, low: 0.18, high: null })
    expect(inside(brushOf(axis, 0.4, 0.6)!)).toEqual(['b'])
    expect(inside(brushOf(axis, 0.4, 1.01)!)).toEqual(['b', 'c'])
  })

  it('on names holds those whose slots it covers', () => {
    const axis = axisOf('training.optim')
    expect(brushOf(axis, 0.6, 0.9)).toEqual({ key: 'training.optim', unknown: false, names: ['adamw_torch'] })
    expect(brushOf(axis, 0.4, 0.6)).toBeNull()
    expect(inside(brushOf(axis, 0, 0.3)!)).toEqual(['a', 'c'])
  })

  it('holds runs without a value only where it covers their place', () => {
    const axis = axisOf('training.learning_rate')
    expect(inside(brushOf(axis, UNKNOWN - 0.02, UNKNOWN + 0.02)!)).toEqual(['c'])
    expect(inside(brushOf(axis, 0, 1)!)).toEqual(['a', 'b'])
    expect(inside(brushOf(axis, UNKNOWN - 0.02, 0.2)!)).toEqual(['a', 'c'])
  })

  it('with others holds what lies within all of them', () => {
    expect(inside({ key: 'training.beta', unknown: false, low: 0.15, high: null }, { key: 'training.optim', unknown: false, names: ['rmsprop'] })).toEqual(['c'])
    expect(inside({ key: 'method', unknown: false, names: ['spin'] })).toEqual(['b'])
  })

  it('lies where it was drawn after a way through the address', () => {
    for (const [key, from, to] of [['training.beta', 0.2, 0.8], ['training.learning_rate', UNKNOWN - 0.02, 0.5], ['training.optim', 0.5, 1]] as const) {
      const axis = axisOf(key)
      const brush = brushOf(axis, from, to)!
      const read = readBrush(printBrush(brush))
      expect(read).toEqual(brush)
      const [low, high] = rangeOf(axis, read!)!
      expect(Math.abs(low - from)).toBeLessThan(0.03)
      expect(Math.abs(high - to)).toBeLessThan(0.03)
    }
  })

  it('that reaches beyond the runs that are listed ends with their axis', () => {
    expect(rangeOf(axisOf('training.beta'), { key: 'training.beta', unknown: false, low: -5, high: 0.2 })!.map((place) => Number(place.toFixed(6)))).toEqual([0, 0.5])
    expect(rangeOf(axisOf('training.learning_rate'), { key: 'training.learning_rate', unknown: false, low: -1, high: 7 })).toEqual([0, 1])
  })

  it('that somebody typed wrongly is none', () => {
    for (const text of ['', '{', '7', '[7,1,2]', '["beta"]', '["beta",1]', '["beta",[1]]', '["beta","x",2]']) expect(readBrush(text), text).toBeNull()
  })
})
