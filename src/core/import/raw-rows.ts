/** Rows as they are cut from a file, before anybody reads them. */
import { nullFigures } from '../python-json.ts'
import { describe, isRow, type Row } from './format.ts'

/**
 * `row` is the line, or the element's number, from 1. `problem` where the text cannot be used at all. `value` where
 * the row is no JSON text but a table's record; `text` may then be made only where it is asked for. `header`: of such a
 * table, the line that names the cells. `bytes`: of the whole row, where `text` is only its beginning.
 */
export type RawRow = { row: number; text: string; problem: string | null; value?: Row; header?: string; bytes?: number }

export type RowSplitter = { push(chunk: Uint8Array): RawRow[]; end(): RawRow[] }

/** The row's object, or why it has none. */
export function parseRow(raw: RawRow): { row: Row } | { reason: string } {
  if (raw.problem !== null) return { reason: raw.problem }
  if (raw.value !== undefined) return { row: raw.value }
  try {
    const value: unknown = JSON.parse(raw.text)
    return isRow(value) ? { row: value } : { reason: `expected a JSON object, got ${describe(value)}` }
  } catch (error) {
    return { reason: `expected JSON: ${isPythons(raw.text) ? 'NaN and Infinity are none, though Python writes them; put null in their place' : error instanceof Error ? error.message : String(error)}` }
  }
}

/** Whether nothing but figures that are not finite keeps a text from being JSON. */
function isPythons(text: string): boolean {
  try {
    const mended = nullFigures(text)
    if (mended === text) return false
    JSON.parse(mended)
    return true
  } catch {
    return false
  }
}

/** A JSON list or object that stands in a text; anything else is itself. */
export function unfoldJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** A bad row up to this size is kept whole, to be mended; of a longer one its beginning. */
export const KEPT_ROW_BYTES = 1_000_000

/** What cannot be used, with other bytes than UTF-8 replaced. @param size of the whole row, where `bytes` is its beginning */
export function problemRow(row: number, bytes: Uint8Array, problem: string, size = bytes.length): RawRow {
  const kept = bytes.subarray(0, KEPT_ROW_BYTES)
  return { row, text: new TextDecoder().decode(kept), problem, ...(size > kept.length && { bytes: size }) }
}

export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** A file that cannot be read further; `code` as Node's own failures of files have one. */
export class UnreadableFileError extends Error {
  override readonly name: string = 'UnreadableFileError'
  readonly code = 'ERR_UNREADABLE_FILE'
}

/** From here on a row is no accident: what unpacks to it is not read further. */
const HOPELESS_ROW_BYTES = 2 ** 30

export function checkRowBytes(bytes: number): void {
  if (bytes > HOPELESS_ROW_BYTES) throw new UnreadableFileError(`a row of it unpacks to more than ${HOPELESS_ROW_BYTES} bytes`)
}
