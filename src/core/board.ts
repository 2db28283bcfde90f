/** The per-prompt board: one score per prompt and column (a method at a round), who harmed whom, who was good and is bad now. Pure. */
import type { BoardColumn, BoardRow, MethodKey } from '../shared/comparison.ts'
import { BASE_ROUND, WARM_START_ROUND } from './comparison.ts'

/** A prompt counts as good where at least this share of its samples passes … */
const GOOD_FROM = 0.5
/** … and as bad below this one; what lies between is neither, so that one sample more or less turns nothing. */
const BAD_BELOW = 0.25

export type PromptScores = Pick<BoardRow, 'index' | 'text' | 'scores' | 'passes'>

/** Columns in reading order: the base, the warm start, then each method round by round. */
export function boardRows(columns: readonly BoardColumn[], prompts: readonly PromptScores[]): BoardRow[] {
  const base = columns.findIndex(({ round }) => round === BASE_ROUND)
  const methods = [...new Set(columns.map(({ method }) => method))].filter((method) => method !== 'base' && method !== 'warm-start')
  const own = new Map(methods.map((method) => [method, columns.flatMap((column, i) => (column.method === method ? [i] : []))]))
  const shared = columns.flatMap(({ method }, i) => (own.has(method) ? [] : [i]))
  return prompts.map((prompt) => {
    const { scores, passes } = prompt
    const changes = methods.flatMap((method) => {
      const [before, after] = [scores[base], scores[own.get(method)!.at(-1)!]]
      return typeof before === 'number' && typeof after === 'number' ? [after - before] : []
    })
    const turnedBad = methods.filter((method) => {
      const at = own.get(method)!
      const last = passes[at.at(-1)!]
      return typeof last === 'number' && last < BAD_BELOW && [...shared, ...at].some((i) => (passes[i] ?? 0) >= GOOD_FROM)
    })
    return { ...prompt, harm: Math.max(0, ...changes.map((change) => -change)), gain: Math.max(0, ...changes), turnedBad }
  })
}

export type BoardSort = 'harm' | 'gain' | 'index'

/** What turned bad alone, where asked; the largest harm or gain first, equals in their own order. */
export function arrangeBoard(rows: readonly BoardRow[], { sort, turnedBad }: { sort: BoardSort; turnedBad: boolean }): BoardRow[] {
  const kept = turnedBad ? rows.filter((row) => row.turnedBad.length > 0) : rows.slice()
  return sort === 'index' ? kept : kept.sort((a, b) => b[sort] - a[sort])
}

/** Base and warm start once, from whoever has them; of each method every evaluated round. */
export function boardColumns(runs: readonly { id: string; method: MethodKey; rounds: readonly number[] }[]): BoardColumn[] {
  const columns: BoardColumn[] = []
  const add = (run: string, method: MethodKey, round: number): void => {
    if (!columns.some((column) => column.method === method && column.round === round)) columns.push({ run, method, round })
  }
  for (const [method, round] of [['base', BASE_ROUND], ['warm-start', WARM_START_ROUND]] as const) for (const run of runs) if (run.rounds.includes(round)) add(run.id, method, round)
  for (const run of runs) for (const round of [...run.rounds].sort((a, b) => a - b)) if (round > 0) add(run.id, run.method, round)
  return columns
}
