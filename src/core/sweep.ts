/** A grid sweep (design section 7, tuning): the same settings for every method, the best of each by its validation score. Pure. */
import { type Setting, type SweepCell, settingWords } from '../shared/race.ts'
import type { PromptRow } from '../shared/types.ts'
import { normalized } from './near-duplicates.ts'
import { mean } from './statistics.ts'

/** Every combination, the last key changing fastest. */
export function gridCells(grid: Readonly<Record<string, readonly unknown[]>>): Setting[] {
  return Object.entries(grid).reduce<Setting[]>((cells, [key, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [key]: value }) as Setting)), [{}])
}

/** Mean over seeds; null where one of them has no score, which would compare cells on different seeds. */
export function cellScore(scores: readonly (number | null)[]): number | null {
  const known = scores.filter((score) => score !== null)
  return scores.length === 0 || known.length < scores.length ? null : mean(known)
}

/** Sums of equal figures differ in the last bits. */
const TIE = 1e-9

/** Place of the best cell; of equals the first in the grid's order. Null where none has a score. */
export function bestCell(cells: readonly Pick<SweepCell, 'score'>[]): number | null {
  let best: number | null = null
  cells.forEach(({ score }, i) => {
    if (score !== null && (best === null || score > cells[best]!.score! + TIE)) best = i
  })
  return best
}

/** Keys whose chosen value is the smallest or largest number of the grid: beyond it there may be a better one. */
export function edgesOf(grid: Readonly<Record<string, readonly unknown[]>>, chosen: Setting): string[] {
  return Object.entries(grid).flatMap(([key, values]) => {
    const numbers = values.filter((value) => typeof value === 'number')
    const value = chosen[key]
    if (numbers.length < 2 || typeof value !== 'number') return []
    return value === Math.min(...numbers) || value === Math.max(...numbers) ? [key] : []
  })
}

/** Nothing more is to come of a run that was tried. */
export const isTried = ({ status, diverged }: SweepCell['runs'][number]): boolean => status === 'done' || status === 'cancelled' || diverged

/** Why a cell has no score. */
export function leftOut({ runs }: Pick<SweepCell, 'runs'>): string {
  if (runs.some(({ diverged }) => diverged)) return 'diverged'
  return runs.some(({ status }) => status === 'cancelled') ? 'cancelled' : 'not yet'
}

export const edgeWords = (label: string, setting: Setting, edges: readonly string[]): string =>
  `${label}: the sweep chose ${settingWords(Object.fromEntries(edges.map((key) => [key, setting[key]!])))}, at the edge of its grid: beyond it there may be a better setting.`

/** How many of these prompts are asked in the others too, by text or by the conversation they come from. */
export function sharedPrompts(rows: readonly PromptRow[], others: readonly PromptRow[]): number {
  const textOf = ({ prompt }: PromptRow): string => normalized(prompt.map(({ content }) => content).join('\n'))
  const texts = new Set(others.map(textOf))
  const ids = new Set(others.map(({ conversationId }) => conversationId).filter((id) => id !== null))
  return rows.filter((row) => texts.has(textOf(row)) || (row.conversationId !== null && ids.has(row.conversationId))).length
}
