import { expect, it } from 'vitest'
import { arrangeBoard, boardColumns, boardRows } from './board.ts'

const START = { base: 'base', warmStart: 'warm-start' }
const columns = boardColumns([
  { id: 'd', method: 'drift', ...START, rounds: [2, -1, 0, 1] },
  { id: 's', method: 'spin', ...START, rounds: [-1, 0, 1] },
])

it('shows base and warm start once, then each method round by round', () => {
  expect(columns.map(({ run, method, round }) => `${run} ${method} ${round}`)).toEqual(['d base -1', 'd warm-start 0', 'd drift 1', 'd drift 2', 's spin 1'])
})

it('names who turned bad, from the base or from an earlier round of its own; another method’s good answer counts for nobody', () => {
  const row = (index: number, passes: number[]) => ({ index, text: '', scores: passes, passes })
  const rows = boardRows(columns, [row(0, [0.6, 0, 0.5, 0.1, 0.5]), row(1, [0, 0, 0.7, 0.2, 0]), row(2, [0, 0, 0.4, 0, 0.9]), row(3, [0.5, 0.5, 0.5, 0.3, 0.3])])
  expect(rows.map(({ turnedBad }) => turnedBad)).toEqual([['drift'], ['drift'], [], []])
  expect(rows.map(({ harm }) => Number(harm.toFixed(2)))).toEqual([0.5, 0, 0, 0.2])
  expect(arrangeBoard(rows, { sort: 'harm', turnedBad: true }).map(({ index }) => index)).toEqual([0, 1])
  expect(arrangeBoard(rows, { sort: 'gain', turnedBad: false })[0]!.index).toBe(2)
})

it('leaves what is not evaluated out of harm and gain', () => {
  expect(boardRows(columns, [{ index: 0, text: '', scores: [0.5, null, null, null, 0.7], passes: [0, null, null, null, 1] }])[0]).toMatchObject({ harm: 0, gain: expect.closeTo(0.2, 12) as number, turnedBad: [] })
})

it('measures each method against the base it began at, and shows DPO that is nobody’s warm start as itself', () => {
  const two = boardColumns([
    { id: 'a', method: 'drift, models/a', base: 'base, models/a', warmStart: 'warm-start, models/a', rounds: [-1, 0, 1] },
    { id: 'b', method: 'drift, models/b', base: 'base, models/b', warmStart: 'warm-start, models/b', rounds: [-1, 0, 1] },
    { id: 'p', method: 'dpo', base: 'base, models/a', warmStart: null, rounds: [-1, 0] },
  ])
  expect(two.map(({ run, method }) => `${run} ${method}`)).toEqual(['a base, models/a', 'b base, models/b', 'a warm-start, models/a', 'b warm-start, models/b', 'a drift, models/a', 'b drift, models/b', 'p dpo'])
  // b's base passes and a's does not: what a's method fails it never could do.
  const row = { index: 0, text: '', scores: [0.2, 0.9, 0.2, 0.9, 0.2, 0.8, 0.3], passes: [0, 1, 0, 1, 0, 1, 0] }
  expect(boardRows(two, [row])[0]).toMatchObject({ harm: expect.closeTo(0.1, 12) as number, gain: expect.closeTo(0.1, 12) as number, turnedBad: [] })
})
