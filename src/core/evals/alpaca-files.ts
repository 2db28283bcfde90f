/**
 * The files of AlpacaEval as rows: annotations, model outputs, instruction difficulty, gamed baselines. What would
 * make an average of two different things is an error; what only makes a figure less than the leaderboard's is a notice.
 */
import { UsageError } from '../../shared/errors.ts'
import { describe, type Row } from '../import/format.ts'
import { type AlpacaAnnotation, INSTRUCTIONS, OFFICIAL_BASELINE, OFFICIAL_JUDGE, winProbability } from './alpacaeval.ts'
import type { GamedRow } from './length-controlled.ts'

/** `where` names the file in errors. Rows keep the order of the file: the length-controlled figure depends on it. */
export function readAnnotations(rows: readonly Row[], where: string): { annotations: AlpacaAnnotation[]; notices: string[] } {
  if (rows.length === 0) throw new UsageError(`annotations ${where}: expected rows, got none`)
  const annotations = rows.map((row, i): AlpacaAnnotation => {
    const at = `annotations ${where}, row ${i + 1}`
    const preference = row['preference'] ?? null
    if (preference !== null && typeof preference !== 'number') throw new UsageError(`${at}: expected preference as a number from 1 (the baseline wins) to 2 (the model wins) or null, got ${describe(preference)}`)
    return {
      instruction: textOf(row, 'instruction', at),
      baselineOutput: textOf(row, 'output_1', at),
      modelOutput: textOf(row, 'output_2', at),
      baseline: textOf(row, 'generator_1', at),
      model: textOf(row, 'generator_2', at),
      annotator: textOf(row, 'annotator', at),
      preference,
    }
  })
  refuseDuplicates(annotations.map(({ instruction }) => instruction), `annotations ${where}`)
  const annotator = theOnly(annotations.map((row) => row.annotator), 'judge (annotator)', where)
  const baseline = theOnly(annotations.map((row) => row.baseline), 'baseline (generator_1)', where)

  const notices: string[] = []
  if (annotator !== OFFICIAL_JUDGE) notices.push(`the judge is ${annotator}, not ${OFFICIAL_JUDGE}: these figures are not the leaderboard's`)
  if (baseline !== OFFICIAL_BASELINE) notices.push(`the baseline is ${baseline}, not ${OFFICIAL_BASELINE}: these figures are not the leaderboard's`)
  const models = [...new Set(annotations.map((row) => row.model))]
  if (models.length > 1) notices.push(`generator_2 names ${models.length} models (${models.slice(0, 3).join(', ')}): the figures are an average over all of them`)
  if (annotations.length !== INSTRUCTIONS) notices.push(`${annotations.length} of ${INSTRUCTIONS} instructions are in the file: the figures speak of those alone`)
  const empty = annotations.filter((row) => row.preference === null).length
  if (empty > 0) notices.push(`${empty} ${empty === 1 ? 'row has' : 'rows have'} no preference and ${empty === 1 ? 'is' : 'are'} left out of the win rate`)
  const outside = annotations.filter((row) => row.preference !== null && winProbability(row.preference) === null)
  if (outside.length > 0) notices.push(`${outside.length} preferences lie outside 1 to 2 (first: ${outside[0]?.preference}) and are left out of the win rate`)
  return { annotations, notices }
}

export type ModelOutput = { instruction: string; output: string; generator: string }

export function readModelOutputs(rows: readonly Row[], where: string): ModelOutput[] {
  if (rows.length === 0) throw new UsageError(`outputs ${where}: expected rows, got none`)
  const outputs = rows.map((row, i) => {
    const at = `outputs ${where}, row ${i + 1}`
    const { generator } = row
    return { instruction: textOf(row, 'instruction', at), output: textOf(row, 'output', at), generator: typeof generator === 'string' ? generator : '' }
  })
  refuseDuplicates(outputs.map(({ instruction }) => instruction), `outputs ${where}`)
  return outputs
}

/** By index, which is the instruction's place in the full list; rows may stand in any order. */
export function readDifficulty(rows: readonly Row[], where: string): number[] {
  const difficulty: number[] = rows.map(() => NaN)
  rows.forEach((row, i) => {
    const at = `difficulty ${where}, row ${i + 1}`
    const index = numberOf(row, 'index', at)
    if (!Number.isInteger(index) || index < 0 || index >= rows.length) throw new UsageError(`${at}: expected index from 0 to ${rows.length - 1}, got ${index}. The file lists every instruction once`)
    if (!Number.isNaN(difficulty[index])) throw new UsageError(`${at}: expected every index once, got ${index} again. Remove one of the rows`)
    difficulty[index] = numberOf(row, 'instruction_difficulty', at)
  })
  return difficulty
}

/** The official `df_gamed.csv` or one with its columns; preferences are 0 to 1 there. */
export function readGamed(rows: readonly Row[], where: string): GamedRow[] {
  return rows.map((row, i) => {
    const at = `gamed ${where}, row ${i + 1}`
    const bias = String(row['not_gamed_baseline']).toLowerCase()
    if (bias !== 'true' && bias !== 'false') throw new UsageError(`${at}: expected not_gamed_baseline as True or False, got ${describe(row['not_gamed_baseline'])}`)
    const q = numberOf(row, 'preference', at)
    if (q < 0 || q > 1) throw new UsageError(`${at}: expected preference from 0 to 1, got ${q}`)
    return { q, standardizedLength: numberOf(row, 'std_delta_len', at), difficulty: numberOf(row, 'instruction_difficulty', at), bias: bias === 'true' ? 1 : 0 }
  })
}

/** Comma-separated text with a heading line; cells hold no commas. */
export function parseCsv(text: string, where: string): Row[] {
  const [heading = '', ...lines] = text.trim().split(/\r?\n/)
  const columns = heading.split(',').map((column) => column.trim())
  return lines.map((line, i) => {
    const cells = line.split(',')
    if (cells.length !== columns.length) throw new UsageError(`${where}, line ${i + 2}: expected ${columns.length} cells (${columns.join(', ')}), got ${cells.length}`)
    return Object.fromEntries(columns.map((column, k) => [column, cells[k]!.trim()]))
  })
}

export function textOf(row: Row, key: string, at: string): string {
  const value = row[key]
  if (typeof value !== 'string') throw new UsageError(`${at}: expected ${key} as text, got ${describe(value)}`)
  return value
}

function numberOf(row: Row, key: string, at: string): number {
  const value = row[key]
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new UsageError(`${at}: expected ${key} as a number, got ${describe(value)}`)
  return number
}

export function refuseDuplicates(keys: readonly string[], where: string): void {
  const first = new Map<string, number>()
  for (const [i, key] of keys.entries()) {
    const before = first.get(key)
    if (before !== undefined) throw new UsageError(`${where}: expected every instruction or session once, got ${describe(key)} in rows ${before + 1} and ${i + 1}. Remove one of them`)
    first.set(key, i)
  }
}

function theOnly(values: readonly string[], what: string, where: string): string {
  const first = values[0]!
  const other = values.findIndex((value) => value !== first)
  if (other >= 0) throw new UsageError(`annotations ${where}: expected one ${what}, got ${first} in row 1 and ${values[other]} in row ${other + 1}. Split the file by ${what}`)
  return first
}
