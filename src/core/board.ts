/** The per-prompt board: one score per prompt and column (a method at a round), who harmed whom, who was good and is bad now. Pure. */
import { type BoardColumn, type BoardRow, isStart, type MethodKey } from '../shared/comparison.ts'
import type { Arm } from './arms.ts'
import { BASE_ROUND, WARM_START_ROUND } from './comparison.ts'

/** A prompt counts as good where at least this share of its samples passes … */
const GOOD_FROM = 0.5
/** … and as bad below this one; what lies between is neither, so that one sample more or less turns nothing. */
const BAD_BELOW = 0.25

export type PromptScores = Pick<BoardRow, 'index' | 'text' | 'scores' | 'passes'>

/** Columns in reading order: bases, warm starts, then each method round by round. A method is measured against the base it began at. */
export function boardRows(columns: readonly BoardColumn[], prompts: readonly PromptScores[]): BoardRow[] {
  const methods = [...new Set(columns.filter(({ method }) => !isStart(method)).map(({ method }) => method))].map((method) => {
    const own = columns.flatMap((column, i) => (column.method === method ? [i] : []))
    const { base, warmStart } = columns[own[0]!]!
    return { method, last: own.at(-1)!, base: columns.findIndex((column) => column.method === base), seen: columns.flatMap((column, i) => ([method, base, warmStart].includes(column.method) ? [i] : [])) }
  })
  return prompts.map((prompt) => {
    const { scores, passes } = prompt
    const changes = methods.flatMap(({ base, last }) => {
      const [before, after] = [scores[base], scores[last]]
      return typeof before === 'number' && typeof after === 'number' ? [after - before] : []
    })
    const turnedBad = methods.filter(({ last, seen }) => {
      const share = passes[last]
      return typeof share === 'number' && share < BAD_BELOW && seen.some((i) => (passes[i] ?? 0) >= GOOD_FROM)
    })
    return { ...prompt, harm: Math.max(0, ...changes.map((change) => -change)), gain: Math.max(0, ...changes), turnedBad: turnedBad.map(({ method }) => method) }
  })
}

export type BoardSort = 'harm' | 'gain' | 'index'

/** What turned bad alone, where asked; the largest harm or gain first, equals in their own order. */
export function arrangeBoard(rows: readonly BoardRow[], { sort, turnedBad }: { sort: BoardSort; turnedBad: boolean }): BoardRow[] {
  const kept = turnedBad ? rows.filter((row) => row.turnedBad.length > 0) : rows.slice()
  return sort === 'index' ? kept : kept.sort((a, b) => b[sort] - a[sort])
}

/** Each base and warm start once, from whoever has it; of each method every evaluated round. */
export function boardColumns(runs: readonly (Arm & { id: string; rounds: readonly number[] })[]): BoardColumn[] {
  const columns: BoardColumn[] = []
  const add = ({ id, base, warmStart }: (typeof runs)[number], method: MethodKey, round: number): void => {
    if (!columns.some((column) => column.method === method && column.round === round)) columns.push({ run: id, method, round, base, warmStart })
  }
  for (const run of runs) if (run.rounds.includes(BASE_ROUND)) add(run, run.base, BASE_ROUND)
  for (const run of runs) if (run.warmStart !== null && run.rounds.includes(WARM_START_ROUND)) add(run, run.warmStart, WARM_START_ROUND)
  for (const run of runs) for (const round of [...run.rounds].sort((a, b) => a - b)) if (round > 0 || (round === WARM_START_ROUND && run.warmStart === null)) add(run, run.method, round)
  return columns
}
