import { expect, it } from 'vitest'
import { arrangeBoard, boardColumns, boardRows } from './board.ts'

const columns = boardColumns([
  { id: 'd', method: 'drift', rounds: [2, -1, 0, 1] },
  { id: 's', method: 'spin', rounds: [-1, 0, 1] },
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
