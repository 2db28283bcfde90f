/** A row of an exported quarantine: what it is known by, and what stood there, to be mended. */
import type { ImportReading } from '../../shared/contract.ts'
import { describe, isRow, RowProblem, type Row } from './format.ts'

export type SetAside = { key: string; file: string; row: number; reason: string; raw: string; header: string | null; reading: ImportReading }

/** One line of JSON. A row that is a JSON object stands in it as one, anything else as text. */
export function writeSetAside({ key, file, row, reason, raw, header, reading }: SetAside): string {
  const around = { quarantined: key, file, row, reason, ...(header !== null && { header }), ...(Object.keys(reading).length > 0 && { reading }) }
  // As it was written: reading a number and printing it again may change its digits. Between the tokens of an object a line break is a blank.
  const content = isObject(raw) ? raw.replaceAll(/\s*\n\s*/g, ' ') : JSON.stringify(raw)
  return `${JSON.stringify(around).slice(0, -1)},"raw":${content}}`
}

/** Null where the row is none of an exported quarantine. @throws RowProblem */
export function readSetAside(row: Row): SetAside | null {
  const { quarantined: key, file, row: number, raw, reason, header, reading } = row
  if (typeof key !== 'string' || typeof file !== 'string' || typeof number !== 'number' || raw === undefined) return null
  return { key, file, row: number, raw: typeof raw === 'string' ? raw : print(raw), reason: typeof reason === 'string' ? reason : '', header: typeof header === 'string' ? header : null, reading: readReading(reading) }
}

function readReading(value: unknown = {}): ImportReading {
  if (!isRow(value)) throw new RowProblem(`reading: expected an object, got ${describe(value)}`)
  const { format, mapping } = value
  if (format !== undefined && typeof format !== 'string') throw new RowProblem(`reading.format: expected text, got ${describe(format)}`)
  if (mapping === undefined) return format === undefined ? {} : { format }
  if (!isRow(mapping) || Object.values(mapping).some((column) => typeof column !== 'string')) throw new RowProblem(`reading.mapping: expected names of columns, got ${describe(mapping)}`)
  return { mapping: mapping as Record<string, string> }
}

/** Parsing goes deeper than printing does. */
function print(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    throw new RowProblem('raw: expected a few thousand levels of nesting at most, got more')
  }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return isRow(value) && print(value) !== ''
  } catch {
    return false
  }
}

/** What bad rows have in common: the reason without what just this row held. */
export function kindOfReason(reason: string): string {
  return reason.replace(/^(expected JSON|the file cannot be read[^:]*): .*$/s, '$1').replace(/[,;] got .*$/s, '').replaceAll(/ \([^)]*\)/g, '').replaceAll(/\d+/g, 'N').slice(0, 160)
}
