/**
 * Imports files into a workspace: rows are read as a stream, bad ones are quarantined with their reason, and
 * every batch is one transaction. Killed at any instant, what was written stays; importing again adds the rest.
 */
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { detectFormat, importFormats } from '../../core/import/index.ts'
import { describe, isRow, RowProblem, type ImportFormat, type Row } from '../../core/import/format.ts'
import type { RawRow } from '../../core/import/split-rows.ts'
import { UsageError } from '../../shared/errors.ts'
import { writeConversations, type NewConversation } from '../storage/conversations.ts'
import { addToImport, finishImport, insertImport, insertQuarantinedRows, type QuarantinedRow } from '../storage/imports.ts'
import type { WritableDb } from '../storage/open.ts'
import { readRows } from './read-rows.ts'

/** `formats` as found, the most frequent first; empty where nothing was readable. */
export type ImportReport = { id: string; imported: number; duplicates: number; quarantined: number; seconds: number; format: string }
export type ImportProgress = { bytesDone: number; bytesTotal: number; imported: number; duplicates: number; quarantined: number }

export type ImportOptions = {
  /** Name of a format; without it each row says by its keys what it is. */
  format?: string | undefined
  id?: string
  signal?: AbortSignal
  onProgress?: (progress: ImportProgress) => void
  /** Conversations per transaction. */
  batchSize?: number
}

const BATCH_SIZE = 8000
/** A batch also ends here, so that long conversations do not fill the memory. */
const BATCH_CHARACTERS = 24_000_000

export async function importFiles(db: WritableDb, files: readonly string[], options: ImportOptions = {}): Promise<ImportReport> {
  const started = performance.now()
  const forced = options.format === undefined ? null : formatNamed(options.format)
  const paths = files.map((file) => resolve(file))
  const id = options.id ?? randomUUID()
  const found = new Map<string, number>()
  const report: ImportReport = { id, imported: 0, duplicates: 0, quarantined: 0, seconds: 0, format: '' }
  let drafts: NewConversation[] = []
  let problems: QuarantinedRow[] = []
  let characters = 0

  const flush = (): void => {
    if (drafts.length === 0 && problems.length === 0) return
    report.format = [...found].sort((a, b) => b[1] - a[1]).map(([name]) => name).join('+')
    const { imported, duplicates } = writeConversations(db, id, drafts, (counts) => {
      insertQuarantinedRows(db, id, problems)
      addToImport(db, id, { ...counts, format: report.format, quarantined: problems.length })
    })
    report.imported += imported
    report.duplicates += duplicates
    report.quarantined += problems.length
    drafts = []
    problems = []
    characters = 0
  }

  const sizes = paths.map(sizeOf)
  const bytesTotal = sizes.reduce((sum, size) => sum + size, 0)
  let bytesBefore = 0
  insertImport(db, { id, files: paths, format: '', createdAt: new Date().toISOString() })
  for (const [i, path] of paths.entries()) {
    const reader = createRowReader(forced)
    const take = (results: RowResult[]): void => {
      for (const result of results) {
        if ('reason' in result) problems.push({ file: path, ...result })
        else {
          found.set(result.format, (found.get(result.format) ?? 0) + 1)
          drafts.push({ ...result.draft, source: result.draft.source ?? sourceOf(path) })
          for (const message of result.draft.messages) characters += message.content.length
        }
        if (drafts.length >= (options.batchSize ?? BATCH_SIZE) || characters >= BATCH_CHARACTERS || problems.length >= BATCH_SIZE) flush()
      }
    }
    try {
      for await (const { rows, bytesRead } of readRows(path)) {
        for (const row of rows) take(reader.read(row))
        const { imported, duplicates, quarantined } = report
        options.onProgress?.({ bytesDone: bytesBefore + bytesRead, bytesTotal, imported, duplicates, quarantined })
        options.signal?.throwIfAborted()
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!isReadError(error)) throw error
      problems.push({ file: path, row: reader.lastRow(), reason: `the file cannot be read further: ${error.message}`, raw: '' })
    }
    take(reader.end())
    bytesBefore += sizes[i] ?? 0
  }
  flush()
  report.seconds = (performance.now() - started) / 1000
  finishImport(db, id, report.seconds)
  return report
}

type RowResult = { draft: NewConversation | (Omit<NewConversation, 'source'> & { source: string | null }); format: string } | { row: number; reason: string; raw: string }

/** Rows to drafts or reasons. Formats that spread a conversation over rows wait until the next one begins. */
function createRowReader(forced: ImportFormat | null): { read(raw: RawRow): RowResult[]; end(): RowResult[]; lastRow(): number } {
  let lastRow = 0
  let open: { format: ImportFormat; rows: [Row, ...Row[]]; first: RawRow } | null = null

  const finish = (format: ImportFormat, rows: readonly [Row, ...Row[]], first: RawRow): RowResult => {
    try {
      return { draft: format.read(rows), format: format.name }
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error
      return { row: first.row, reason: error.message, raw: first.text }
    }
  }
  const close = (): RowResult[] => {
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
      if (format === undefined) return [...close(), { row: raw.row, reason: `expected a row of a known format (${importFormats.map(({ name }) => name).join(', ')}), got the keys ${Object.keys(parsed.row).slice(0, 12).join(', ') || 'none'}`, raw: raw.text }]
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

function formatNamed(name: string): ImportFormat {
  const format = importFormats.find((candidate) => candidate.name === name)
  if (format === undefined) throw new UsageError(`format: expected one of ${importFormats.map((candidate) => candidate.name).join(', ')}, got "${name}"`)
  return format
}

/** The facet of conversations whose rows name no source: the file's name without its endings. */
function sourceOf(path: string): string {
  return basename(path).replace(/(\.(jsonl?|ndjson|gz|zst))+$/i, '') || basename(path)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Failures of the file or its compression, as against failures of the workspace. */
function isReadError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(E[A-Z]+$|Z_|ZSTD|ERR_)/.test(String(error.code))
}
