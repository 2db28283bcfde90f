import { describe, expect, it } from 'vitest'
import type { RunColumns } from '../shared/run-table.ts'
import type { Run } from '../shared/types.ts'
import { arrangeRuns, differingSettings, filterRuns, scatterFields, scatterPoints, type TableFilter, type TableOrder, type TableRow, type TableRun } from './run-table.ts'

function aRun(id: string, run: Partial<Run> = {}, columns: Partial<RunColumns> = {}): TableRun {
  const whole: Run = {
    id, name: id, method: 'drift', recipe: 'drift', group: null, status: 'done', round: 2, rounds: 2, seed: 1, baseModel: 'models/base', modelPath: null, engine: 'embedded', threads: 1,
    createdAt: `2026-01-01T00:00:0${id.length}Z`, startedAt: null, endedAt: null, error: null, notes: '', tags: [], pinned: false, archived: false, importedFrom: null, ...run,
  }
  return { run: whole, columns: { id, score: null, last: {}, settings: {}, ...columns } }
}
const scored = (estimate: number): Partial<RunColumns> => ({ score: { value: { estimate, low: estimate, high: estimate }, n: 10 } })
const everything: TableFilter = { q: '', status: null, method: null, group: null, tag: null, archived: false }
const plain: TableOrder = { by: null, closed: [], sort: 'created', descending: false }
const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
const shown = (rows: readonly TableRow[]): string[] => rows.map((row) => (row.kind === 'run' ? row.run.id : `${row.value}: ${row.runs}`))
const arranged = (rows: readonly TableRun[], order: Partial<TableOrder>): string[] => shown(arrangeRuns(rows, { ...plain, ...order }, byName))

describe('the filter', () => {
  const rows = [aRun('a', { tags: ['good one'] }), aRun('bb', { notes: 'good', status: 'failed', group: 'g' }), aRun('ccc', { archived: true, tags: ['good'] })]
  const ids = (filter: Partial<TableFilter>): string[] => filterRuns(rows, { ...everything, ...filter }).map(({ run }) => run.id)

  it('finds every word in names, notes and tags', () => {
    expect(ids({ q: 'GOOD' })).toEqual(['a', 'bb'])
    expect(ids({ q: 'good one' })).toEqual(['a'])
  })

  it('holds all its fields', () => {
    expect(ids({ status: 'failed', group: 'g' })).toEqual(['bb'])
    expect(ids({ status: 'failed', tag: 'good one' })).toEqual([])
  })

  it('shows archived runs alone, or none of them', () => {
    expect(ids({})).toEqual(['a', 'bb'])
    expect(ids({ archived: true })).toEqual(['ccc'])
  })
})

describe('the order', () => {
  it('is newest first, pinned ones before', () => {
    expect(arranged([aRun('a', { pinned: true }), aRun('bb'), aRun('ccc')], {})).toEqual(['a', 'ccc', 'bb'])
    expect(arranged([aRun('a'), aRun('bb'), aRun('ccc', { pinned: true })], { descending: true })).toEqual(['ccc', 'a', 'bb'])
  })

  it('by score begins with the best; runs without one come last either way', () => {
    const rows = [aRun('a', {}, scored(0.2)), aRun('bb'), aRun('ccc', {}, scored(0.9))]
    expect(arranged(rows, { sort: 'score' })).toEqual(['ccc', 'a', 'bb'])
    expect(arranged(rows, { sort: 'score', descending: true })).toEqual(['a', 'ccc', 'bb'])
  })

  it('by a setting compares numbers as numbers', () => {
    const rows = ['1e-4', '5e-7', '0.00002'].map((rate, i) => aRun('x'.repeat(i + 1), {}, { settings: { 'training.learning_rate': rate } }))
    expect(arranged(rows, { sort: 'training.learning_rate' })).toEqual(['xx', 'xxx', 'x'])
  })
})

describe('groups', () => {
  const rows = [aRun('a', { group: 'beta' }), aRun('bb', { group: 'alpha' }), aRun('ccc'), aRun('dddd', { group: 'alpha', pinned: true })]

  it('stand under their value with how many they are, those without one last, pinned ones first', () => {
    expect(arranged(rows, { by: 'group' })).toEqual(['pinned: 1', 'dddd', 'alpha: 1', 'bb', 'beta: 1', 'a', 'none: 1', 'ccc'])
  })

  it('that are closed show their head alone', () => {
    expect(arranged(rows, { by: 'group', closed: ['beta', 'pinned'] })).toEqual(['pinned: 1', 'alpha: 1', 'bb', 'beta: 1', 'none: 1', 'ccc'])
  })

  it('can be made by any setting', () => {
    expect(arranged([aRun('a', {}, { settings: { optim: '"rmsprop"' } }), aRun('bb', {}, { settings: { optim: '"adamw"' } })], { by: 'optim' })).toEqual(['adamw: 1', 'bb', 'rmsprop: 1', 'a'])
  })
})

it('columns of settings are those of which the runs that are shown have several values', () => {
  const rows = [aRun('a', {}, { settings: { seed: '1', optim: '"x"' } }), aRun('bb', {}, { settings: { seed: '2', optim: '"x"' } }), aRun('ccc', {}, { settings: { seed: '2', max_steps: '5' } })]
  expect(differingSettings(rows)).toEqual(['seed'])
  expect(differingSettings(rows.slice(0, 2))).toEqual(['seed'])
  expect(differingSettings(rows.slice(0, 1))).toEqual([])
})

describe('the scatter', () => {
  const rows = [
    aRun('a', {}, { ...scored(0.5), last: { loss: 0.6 }, settings: { 'training.beta': '0.1', 'training.optim': '"rmsprop"' } }),
    aRun('bb', {}, { last: { loss: 0, kl: 2 }, settings: { 'training.beta': '0.05', 'training.optim': '"adamw_torch"' } }),
    aRun('ccc', {}, { settings: { 'training.beta': '0.1', 'training.optim': '"rmsprop"' } }),
  ]
  const drawn = (x: string, y: string, logX = false, logY = false): [string, number | string, number][] => scatterPoints(rows, { x, y, logX, logY }).points.map((point) => [point.run.id, point.x, point.y])

  it('offers every metric that a run has, and settings that differ', () => {
    expect(scatterFields(rows)).toEqual({ figures: ['score', 'loss', 'kl', 'seconds'], settings: ['training.beta', 'training.optim'], across: 'training.beta' })
  })

  it('has a point for each run with both figures, and says how many have not', () => {
    expect(drawn('training.beta', 'loss')).toEqual([['a', 0.1, 0.6], ['bb', 0.05, 0]])
    expect(scatterPoints(rows, { x: 'training.beta', y: 'loss', logX: false, logY: false }).left).toBe(1)
    expect(drawn('kl', 'loss')).toEqual([['bb', 2, 0]])
  })

  it('keeps settings that are words as words, and leaves out what has no logarithm', () => {
    expect(drawn('training.optim', 'loss')).toEqual([['a', 'rmsprop', 0.6], ['bb', 'adamw_torch', 0]])
    expect(drawn('training.beta', 'loss', true, true)).toEqual([['a', 0.1, 0.6]])
  })
})
