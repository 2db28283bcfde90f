/** A file's rows, or one set aside before, as conversations, as what people said of conversations, or as what is wrong with them. */
import { columnsFormat, mappingProblem } from '../../core/import/columns.ts'
import { isDeeperThan, MAX_DEPTH, RowProblem, type ConversationDraft, type ImportFormat, type Row } from '../../core/import/format.ts'
import { detectFormat, importFormats } from '../../core/import/index.ts'
import { parseRow, type RawRow } from '../../core/import/raw-rows.ts'
import { isReviewLabel, readReviewLabel, type ImportedReview } from '../../core/import/review-labels.ts'
import { splitCsv } from '../../core/import/split-csv.ts'
import { readSetAside, type SetAside } from '../../core/import/set-aside.ts'
import type { ImportReading } from '../../shared/contract.ts'
import { UsageError } from '../../shared/errors.ts'
import { readRows } from './read-rows.ts'

/** `header` and `bytes` as `RawRow` has them. `of`: it was set aside before and came back in an exported file. */
type Result = ({ draft: ConversationDraft; format: string } | { row: number; reason: string; raw: string; header?: string; bytes?: number }) & { of?: SetAside }
type BadRow = Extract<Result, { reason: string }>
type ReviewRow = { review: ImportedReview; format: string; row: number; raw: string }
type Told<One> = One & { /** With this result every row of the file up to that one has been told; null where more is to come of it. */ through: number | null }
export type ReadRow = Told<Result>
export type ImportedRow = ReadRow | Told<ReviewRow>

/** Conversations alone: people's labels of conversations elsewhere are bad rows. As `readImport` otherwise. */
export async function* readConversations(path: string, reading: ImportReading = {}): AsyncGenerator<{ results: ReadRow[]; bytesRead: number }> {
  for await (const { results, bytesRead } of readImport(path, reading)) {
    yield { bytesRead, results: results.map((result) => ('review' in result ? { row: result.row, reason: LABEL_ALONE, raw: result.raw, through: result.through } : result)) }
  }
}
const LABEL_ALONE = 'expected a conversation, got a label of one'

/**
 * Yields what each chunk of the file gave and how many of its bytes were read. Bad rows are among the results; a
 * file that cannot be read, or not to its end, gives one more bad row.
 * @param skipRows rows up to this number were told before
 */
export async function* readImport(path: string, reading: ImportReading = {}, skipRows = 0): AsyncGenerator<{ results: ImportedRow[]; bytesRead: number }> {
  const forced = formatOf(reading)
  const reader = createRowReader(forced, reading)
  let bytesRead = 0
  try {
    for await (const part of readRows(path, { columnsFor: (outline) => (forced ?? detectFormat(outline))?.columns, skipRows })) {
      bytesRead = part.bytesRead
      yield { results: part.rows.flatMap((row) => reader.read(row)), bytesRead }
    }
  } catch (error) {
    if (!isReadError(error)) throw error
    const row = Math.max(reader.lastRow(), skipRows)
    yield { results: [...reader.end(), { row, reason: `the file cannot be read${row === 0 ? '' : ' to its end'}: ${error.message}`, raw: '', through: row }], bytesRead }
    return
  }
  yield { results: reader.end(), bytesRead }
}

/** The format that is asked for; null where rows are to say it themselves. Throws where there is no such format. */
export function formatOf({ format, mapping }: ImportReading): ImportFormat | null {
  if (mapping !== undefined) {
    const problem = mappingProblem(mapping)
    if (problem !== null) throw new UsageError(problem)
    return columnsFormat(mapping)
  }
  if (format === undefined) return null
  const found = importFormats.find((candidate) => candidate.name === format)
  if (found === undefined) throw new UsageError(`format: expected one of ${importFormats.map(({ name }) => name).join(', ')}, got "${format}"`)
  return found
}

/** What one text gives that was set aside, several rows where they belong together: conversations, or the first thing that is wrong. */
export function readText(text: string, { header, ...reading }: ImportReading & { header: string | null }): { drafts: ConversationDraft[]; format: string } | { reason: string } {
  const reader = createRowReader(formatOf(reading))
  const results = [...rawRowsOf(text, header).flatMap((row) => reader.read(row)), ...reader.end()]
  const drafts: ConversationDraft[] = []
  let format = ''
  for (const result of results) {
    if ('review' in result) return { reason: `${LABEL_ALONE}. Labels are imported with their file: correct it and import it again` }
    if ('reason' in result) return { reason: result.reason }
    drafts.push(result.draft)
    format = result.format
  }
  return drafts.length === 0 ? { reason: 'expected a row, got an empty text' } : { drafts, format }
}

/** JSON may be laid out over lines while it is mended; otherwise each line is a row. */
function rawRowsOf(text: string, header: string | null): RawRow[] {
  if (header !== null) {
    const splitter = splitCsv(Infinity)
    return [...splitter.push(Buffer.from(`${header}\n${text}`)), ...splitter.end()]
  }
  const [first = '', ...more] = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  if (first === '') return []
  if (more.length > 0 && isJson(first)) return [first, ...more].map((line, i) => ({ row: i + 1, text: line, problem: null }))
  return [{ row: 1, text, problem: null }]
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A row of an exported quarantine, read as it would have been where it came from; null where it is none. */
function readMended(row: Row, raw: RawRow, forced: ImportReading): Result[] | null {
  try {
    const of = readSetAside(row)
    if (of === null) return null
    const read = readText(of.raw, { header: of.header, ...(Object.keys(of.reading).length > 0 ? of.reading : forced) })
    if ('reason' in read) return [{ row: raw.row, reason: read.reason, raw: of.raw, of }]
    return read.drafts.map((draft) => ({ draft, format: read.format, of }))
  } catch (error) {
    if (!(error instanceof RowProblem || error instanceof UsageError)) throw error
    return [{ ...asItCame(raw), reason: error.message }]
  }
}

/** Rows that belong together hold so many characters at most: a file that never says where a conversation ends must not fill the memory. */
const MAX_CHARACTERS_TOGETHER = 64_000_000

/** Formats that spread a conversation over rows wait until the next one begins. */
function createRowReader(forced: ImportFormat | null, reading: ImportReading = {}): { read(raw: RawRow): ImportedRow[]; end(): ReadRow[]; lastRow(): number } {
  let lastRow = 0
  let open: { format: ImportFormat; rows: [Row, ...Row[]]; raws: [RawRow, ...RawRow[]]; last: number; characters: number; bad: BadRow[] } | null = null

  const close = (): ReadRow[] => {
    if (open === null) return []
    const { format, rows, raws, last, bad } = open
    open = null
    return told([...readAs(format, rows, raws), ...bad], last)
  }
  const refuse = (bad: BadRow): ReadRow[] => {
    if (open === null) return told([bad], bad.row)
    open.bad.push(bad)
    open.last = bad.row
    return []
  }

  return {
    read(raw) {
      lastRow = raw.row
      const parsed = parseRow(raw)
      if ('reason' in parsed) return refuse({ reason: parsed.reason, ...asItCame(raw) })
      const { row } = parsed
      const mended = readMended(row, raw, reading)
      if (mended !== null) return [...close(), ...told(mended, raw.row)]
      if (forced === null && isReviewLabel(row)) return [...close(), ...told([readReview(row, raw)], raw.row)]
      const format = forced ?? detectFormat(row)
      if (format === undefined) {
        const keys = Object.keys(row).slice(0, 12).join(', ')
        return refuse({ ...asItCame(raw), reason: `expected a row of a known format (${importFormats.map(({ name }) => name).join(', ')}), got ${keys === '' ? 'no keys' : `the keys ${keys}`}` })
      }
      if (format.startsNew === undefined) return [...close(), ...told(readAs(format, [row], [raw]), raw.row)]
      if (open !== null && open.format === format && open.characters < MAX_CHARACTERS_TOGETHER && !format.startsNew(row, open.rows[0])) {
        open.rows.push(row)
        open.raws.push(raw)
        open.last = raw.row
        open.characters += raw.text.length
        return []
      }
      const closed = close()
      open = { format, rows: [row], raws: [raw], last: raw.row, characters: raw.text.length, bad: [] }
      return closed
    },
    end: close,
    lastRow: () => lastRow,
  }
}

const asItCame = ({ row, text, header, bytes }: RawRow): Omit<BadRow, 'reason' | 'of'> => ({ row, raw: text, ...(header !== undefined && { header }), ...(bytes !== undefined && { bytes }) })

/** @param raws what the rows were read from, to be shown where they cannot be used */
function readAs(format: ImportFormat, rows: readonly [Row, ...Row[]], raws: readonly [RawRow, ...RawRow[]]): Result[] {
  try {
    return format.read(rows).flatMap(({ problems = [], ...draft }): Result[] => {
      if (isDeeperThan(draft.metadata, MAX_DEPTH)) throw new RowProblem(`metadata: expected at most ${MAX_DEPTH} levels of nesting, got more`)
      return [{ draft, format: format.name }, ...problems.map((reason) => ({ ...asItCame(raws[0]), reason }))]
    })
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error
    return [{ ...asItCame(raws[0]), reason: rows.length === 1 ? error.message : `${error.message} (${rows.length} rows that belong together)`, raw: raws.map(({ text }) => text).join('\n') }]
  }
}

function readReview(row: Row, raw: RawRow): ReviewRow | BadRow {
  try {
    return { review: readReviewLabel(row), format: 'review-labels', row: raw.row, raw: raw.text }
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error
    return { ...asItCame(raw), reason: error.message }
  }
}

const told = <One extends object>(results: readonly One[], through: number): Told<One>[] => results.map((result, i) => ({ ...result, through: i === results.length - 1 ? through : null }))

/** Failures of the file or its compression, as against failures of the program. */
function isReadError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(E[A-Z]+$|Z_|ZSTD|ERR_)/.test(String(error.code))
}
