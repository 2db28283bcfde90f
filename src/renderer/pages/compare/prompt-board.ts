/** The board's columns as what is shown: where each method ended, and the answers at a chosen round. Pure. */
import { type AnswerCell, type BoardColumn, type BoardRow, isBase, isStart } from '../../../shared/comparison.ts'
import { compareMethods } from '../../charts/methods.ts'

/** One cell per method: at `round`, or at its last one. */
export function cellsAt(cells: readonly AnswerCell[], round: number | null): AnswerCell[] {
  return [...new Set(cells.map((cell) => cell.method))].sort(compareMethods).flatMap((method) => {
    const own = cells.filter((cell) => cell.method === method)
    const cell = isStart(method) || round === null ? own.at(-1) : own.find((candidate) => candidate.round === round)
    return cell ? [cell] : []
  })
}

/** What a cell is compared with, word by word: the base it began at, or the same method one round before. */
export function comparedWith(cell: AnswerCell, cells: readonly AnswerCell[], against: 'base' | 'before'): AnswerCell | null {
  if (isBase(cell.method)) return null
  if (against === 'base') return cells.find(({ method }) => method === cell.base) ?? null
  return cells.filter(({ method, round }) => round < cell.round && [cell.method, cell.base, cell.warmStart].includes(method)).reduce<AnswerCell | null>((last, one) => (last === null || one.round > last.round ? one : last), null)
}

/** Score of the base, where there is one for all, and each method's last one with its change from the base it began at. */
export function ends(columns: readonly BoardColumn[], row: BoardRow): { base: number | null; moves: { method: string; score: number; change: number | null }[] } {
  const scoreOf = (key: string): number | null => row.scores[columns.findIndex(({ method }) => method === key)] ?? null
  const last = new Map(columns.flatMap(({ method, base }, i) => (isStart(method) || row.scores[i] === null ? [] : [[method, { score: row.scores[i]!, from: scoreOf(base) }] as const])))
  return { base: scoreOf('base'), moves: [...last].map(([method, { score, from }]) => ({ method, score, change: from === null ? null : score - from })) }
}

export const roundsOf = (columns: readonly { round: number }[]): number[] => [...new Set(columns.map(({ round }) => round))].sort((a, b) => a - b)
