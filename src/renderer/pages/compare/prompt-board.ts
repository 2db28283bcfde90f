/** The board's columns as what is shown: where each method ended, and the answers at a chosen round. Pure. */
import type { AnswerCell, BoardColumn, BoardRow } from '../../../shared/comparison.ts'
import { compareMethods } from '../../charts/methods.ts'

const isShared = (method: string): boolean => method === 'base' || method === 'warm-start'

/** One cell per method: at `round`, or at its last one. */
export function cellsAt(cells: readonly AnswerCell[], round: number | null): AnswerCell[] {
  return [...new Set(cells.map((cell) => cell.method))].sort(compareMethods).flatMap((method) => {
    const own = cells.filter((cell) => cell.method === method)
    const cell = isShared(method) || round === null ? own.at(-1) : own.find((candidate) => candidate.round === round)
    return cell ? [cell] : []
  })
}

/** What a cell is compared with, word by word: the base, or the same method one round before. */
export function comparedWith(cell: AnswerCell, cells: readonly AnswerCell[], against: 'base' | 'before'): AnswerCell | null {
  if (cell.method === 'base') return null
  if (against === 'base') return cells.find(({ method }) => method === 'base') ?? null
  return cells.filter(({ method, round }) => round < cell.round && (method === cell.method || isShared(method))).reduce<AnswerCell | null>((last, one) => (last === null || one.round > last.round ? one : last), null)
}

/** Score of the base, and each method's last one: what the list shows per prompt. */
export function ends(columns: readonly BoardColumn[], row: BoardRow): { base: number | null; moves: { method: string; score: number; change: number | null }[] } {
  const base = row.scores[columns.findIndex(({ method }) => method === 'base')] ?? null
  const last = new Map(columns.flatMap(({ method }, i) => (isShared(method) || row.scores[i] === null ? [] : [[method, row.scores[i]!] as const])))
  return { base, moves: [...last].map(([method, score]) => ({ method, score, change: base === null ? null : score - base })) }
}

export const roundsOf = (columns: readonly { round: number }[]): number[] => [...new Set(columns.map(({ round }) => round))].sort((a, b) => a - b)
