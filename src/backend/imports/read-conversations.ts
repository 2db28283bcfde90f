/** A file's rows as conversations, or as what is wrong with them. */
import { detectFormat, importFormats } from '../../core/import/index.ts'
import { describe, isRow, RowProblem, type ConversationDraft, type ImportFormat, type Row } from '../../core/import/format.ts'
import type { RawRow } from '../../core/import/split-rows.ts'
import { UsageError } from '../../shared/errors.ts'
import { readRows } from './read-rows.ts'

export type BadRow = { row: number; reason: string; raw: string }
export type ReadRow = { draft: ConversationDraft; format: string } | BadRow

/**
 * Yields what each chunk of the file gave and how many of its bytes were read. Bad rows are among the results; a
 * file that cannot be read, or not to its end, gives one more bad row.
 * @param format name of a format; without it each row says by its keys what it is
 */
export async function* readConversations(path: string, format?: string): AsyncGenerator<{ results: ReadRow[]; bytesRead: number }> {
  const reader = createRowReader(format === undefined ? null : formatNamed(format))
  let bytesRead = 0
  try {
    for await (const part of readRows(path)) {
      bytesRead = part.bytesRead
      yield { results: part.rows.flatMap((row) => reader.read(row)), bytesRead }
    }
  } catch (error) {
    if (!isReadError(error)) throw error
    yield { results: [...reader.end(), { row: reader.lastRow(), reason: `the file cannot be read${reader.lastRow() === 0 ? '' : ' to its end'}: ${error.message}`, raw: '' }], bytesRead }
    return
  }
  yield { results: reader.end(), bytesRead }
}

/** Throws where there is no format of that name. */
export function formatNamed(name: string): ImportFormat {
  const format = importFormats.find((candidate) => candidate.name === name)
  if (format === undefined) throw new UsageError(`format: expected one of ${importFormats.map((candidate) => candidate.name).join(', ')}, got "${name}"`)
  return format
}

/** Formats that spread a conversation over rows wait until the next one begins. */
function createRowReader(forced: ImportFormat | null): { read(raw: RawRow): ReadRow[]; end(): ReadRow[]; lastRow(): number } {
  let lastRow = 0
  let open: { format: ImportFormat; rows: [Row, ...Row[]]; first: RawRow } | null = null

  const finish = (format: ImportFormat, rows: readonly [Row, ...Row[]], first: RawRow): ReadRow => {
    try {
      return { draft: format.read(rows), format: format.name }
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error
      return { row: first.row, reason: error.message, raw: first.text }
    }
  }
  const close = (): ReadRow[] => {
    if (open === null) return []
    const { format, rows, first } = open
    open = null
    return [finish(format, rows, first)]
  }

  return {
    read(raw) {
      lastRow = raw.row
      const parsed = parseRow(raw)
      if ('reason' in parsed) return [{ row: raw.row, reason: parsed.reason, raw: raw.text }]
      const format = forced ?? detectFormat(parsed.row)
      if (format === undefined) {
        const keys = Object.keys(parsed.row).slice(0, 12).join(', ')
        return [...close(), { row: raw.row, reason: `expected a row of a known format (${importFormats.map(({ name }) => name).join(', ')}), got ${keys === '' ? 'no keys' : `the keys ${keys}`}`, raw: raw.text }]
      }
      if (format.startsNew === undefined) return [...close(), finish(format, [parsed.row], raw)]
      if (open !== null && open.format === format && !format.startsNew(parsed.row)) {
        open.rows.push(parsed.row)
        return []
      }
      const closed = close()
      open = { format, rows: [parsed.row], first: raw }
      return closed
    },
    end: close,
    lastRow: () => lastRow,
  }
}

function parseRow(raw: RawRow): { row: Row } | { reason: string } {
  if (raw.problem !== null) return { reason: raw.problem }
  try {
    const value: unknown = JSON.parse(raw.text)
    return isRow(value) ? { row: value } : { reason: `expected a JSON object, got ${describe(value)}` }
  } catch (error) {
    return { reason: `expected JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Failures of the file or its compression, as against failures of the program. */
function isReadError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(E[A-Z]+$|Z_|ZSTD|ERR_)/.test(String(error.code))
}
