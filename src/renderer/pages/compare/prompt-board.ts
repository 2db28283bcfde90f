/** The board's cells as columns: base, warm start, methods at a chosen round, at one temperature. Pure. */
import type { PromptBoard } from '../../../shared/comparison.ts'
import { compareMethods } from '../../charts/methods.ts'

export type BoardRow = PromptBoard['rows'][number]
export type BoardCell = BoardRow['cells'][number]

export const temperaturesOf = (row: BoardRow): number[] => [...new Set(row.cells.map((cell) => cell.temperature))].sort((a, b) => b - a)
export const roundsOf = (row: BoardRow): number[] => [...new Set(row.cells.filter((cell) => cell.method !== 'base' && cell.method !== 'warm-start').map((cell) => cell.round))].sort((a, b) => a - b)

/** One cell per method: at `round`, or at its last one. */
export function columnsOf(row: BoardRow, temperature: number, round: number | null): BoardCell[] {
  const at = row.cells.filter((cell) => cell.temperature === temperature)
  return [...new Set(at.map((cell) => cell.method))].sort(compareMethods).flatMap((method) => {
    const own = at.filter((cell) => cell.method === method).sort((a, b) => a.round - b.round)
    const fixed = method === 'base' || method === 'warm-start'
    const cell = fixed || round === null ? own.at(-1) : own.find((candidate) => candidate.round === round)
    return cell ? [cell] : []
  })
}

/** Final score of each method minus the base's, at the highest temperature: what the list shows per prompt. */
export function changes(row: BoardRow): { method: string; change: number; score: number }[] {
  const columns = columnsOf(row, temperaturesOf(row)[0] ?? 1, null)
  const base = columns.find((cell) => cell.method === 'base')
  if (!base) return []
  return columns.filter((cell) => cell.method !== 'base' && cell.method !== 'warm-start').map((cell) => ({ method: cell.method, change: cell.score - base.score, score: cell.score }))
}
