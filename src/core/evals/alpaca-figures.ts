/** AlpacaEval 2's figures from what its files hold, as `drift eval alpacaeval` prints them. */
import type { AlpacaFigures } from '../../shared/evaluation.ts'
import { hash32 } from '../rng.ts'
import { mean } from '../statistics.ts'
import type { ModelOutput } from './alpaca-files.ts'
import { type AlpacaAnnotation, INSTRUCTIONS, winProbability, winRates } from './alpacaeval.ts'
import { isImplausible, lengthControlledWinRate, type GamedRow, type LengthRow } from './length-controlled.ts'
import { codePoints } from './text-length.ts'

export type AlpacaInputs = {
  /** In file order. */
  annotations: readonly AlpacaAnnotation[]
  outputs: readonly ModelOutput[] | null
  /** By the instruction's place in the full list. */
  difficulty: readonly number[] | null
  gamed: readonly GamedRow[] | null
  /** The full list of instructions in order, for files that lack some. */
  instructions: readonly string[] | null
  /** `position` looks the difficulty up by row number, as upstream does; right only where no row is missing. */
  match: 'instruction' | 'position'
  /** Regularisation strength; chosen by cross-validation where it is not given. */
  c?: number | undefined
}

/** Notices say what a figure is not, and why a null is null. */
export function alpacaFigures(inputs: AlpacaInputs): { figures: AlpacaFigures; lengthRows: LengthRow[] | null; notices: string[] } {
  const { annotations, outputs, gamed, c } = inputs
  const notices: string[] = []
  const answers = outputs === null ? annotations.map((row) => row.modelOutput) : outputs.map((row) => row.output)
  if (outputs !== null && outputs.length !== annotations.length) notices.push(`${outputs.length} outputs, ${annotations.length} annotations: avg_length is over the outputs, the rates over the annotations`)
  const rates = winRates(annotations.map((row) => row.preference))
  const averageLength = Math.trunc(mean(answers.map(codePoints)))
  const without = (reason: string, lengthRows: LengthRow[] | null = null): ReturnType<typeof alpacaFigures> => ({
    figures: { ...rates, avg_length: averageLength, length_controlled_winrate: null, lc_c: null, lc_weights: null },
    lengthRows,
    notices: [...notices, `length_controlled_winrate is null: ${reason}`],
  })

  if (annotations.every((row) => row.baseline === row.model)) {
    return { figures: { ...rates, avg_length: averageLength, length_controlled_winrate: 50, lc_c: null, lc_weights: null }, lengthRows: null, notices: [...notices, 'the model is the baseline: length_controlled_winrate is 50 by definition'] }
  }
  const looked = lookUpDifficulty(inputs)
  if ('reason' in looked) return without(looked.reason)
  const lengthRows = annotations.map((row, i): LengthRow => ({ q: winProbability(row.preference), baselineLength: codePoints(row.baselineOutput), modelLength: codePoints(row.modelOutput), difficulty: looked.difficulty[i]! }))
  if (gamed === null) notices.push('no gamed baseline rows: length_controlled_winrate is fitted without upstream’s regularisation rows, which move it by about 1 point, up to 13')
  const fit = lengthControlledWinRate(lengthRows, gamed ?? [], c)
  if (fit === null) return without('every answer differs from its baseline by the same length', lengthRows)
  if (isImplausible(rates.win_rate, fit.winRate)) notices.push(`length control moves the win rate from ${rates.win_rate.toFixed(1)} to ${fit.winRate.toFixed(1)}: more than is plausible, look at the lengths`)
  const { tanhLength, difficulty, bias } = fit.weights
  if (difficulty === 0 && bias === 0) notices.push(`at C = ${fit.c.toPrecision(4)} the penalty leaves nothing of the model but its length: length_controlled_winrate is 50 for want of rows, not by the judge`)
  return { figures: { ...rates, avg_length: averageLength, length_controlled_winrate: fit.winRate, lc_c: fit.c, lc_weights: [tanhLength, difficulty, bias] }, lengthRows, notices }
}

function lookUpDifficulty({ annotations, outputs, difficulty, instructions, match }: AlpacaInputs): { difficulty: number[] } | { reason: string } {
  if (difficulty === null) return { reason: 'no difficulty file was given' }
  if (match === 'position') {
    if (annotations.length > difficulty.length) return { reason: `the difficulty file has ${difficulty.length} rows for ${annotations.length} annotations` }
    return { difficulty: annotations.map((_, i) => difficulty[i]!) }
  }
  const given = [instructions, annotations.map((row) => row.instruction), outputs?.map((row) => row.instruction) ?? null]
  const whole = given.filter((list) => list?.length === difficulty.length) as (readonly string[])[]
  const [order, ...others] = whole.filter((list) => !isShuffled(list))
  if (order === undefined && whole.length > 0) return { reason: `the rows are AlpacaEval's ${INSTRUCTIONS} instructions in another order than its own, by which difficulty is told. Give a file that has its order (instructions: the outputs of any model as they were published)` }
  if (order !== undefined && instructions !== order && others.some((list) => list.some((instruction, i) => instruction !== order[i]))) return { reason: 'annotations and outputs list the instructions in different orders, and which of them the difficulty file follows is not known. Give the full list in its order (instructions)' }
  if (order === undefined) return { reason: `no file lists all ${difficulty.length} instructions in order, so the difficulty of ${annotations.length} rows cannot be matched by instruction. Give such a file (the outputs of any model that has them all), or match by position, which is off by one after every gap` }
  const place = new Map(order.map((instruction, i) => [instruction, i]))
  const strangers = annotations.filter((row) => !place.has(row.instruction))
  if (strangers.length > 0) return { reason: `${strangers.length} of ${annotations.length} instructions are not in the full list (first: ${JSON.stringify(strangers[0]?.instruction.slice(0, 60))})` }
  return { difficulty: annotations.map((row) => difficulty[place.get(row.instruction)!]!) }
}

/** Fingerprints of AlpacaEval's instructions: in the order that difficulty counts by, and sorted. */
const OFFICIAL_LIST = { inOrder: 1287269866, sorted: 2605412089 }
const fingerprint = (list: readonly string[]): number => hash32(JSON.stringify(list))

/** The official instructions, out of their order. */
const isShuffled = (list: readonly string[]): boolean => list.length === INSTRUCTIONS && fingerprint(list) !== OFFICIAL_LIST.inOrder && fingerprint(list.toSorted()) === OFFICIAL_LIST.sorted
