/**
 * Imports files into a workspace: rows are read as a stream, bad ones are quarantined with their reason, and
 * every batch is one transaction. Killed at any instant, what was written stays; importing again adds the rest.
 */
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { writeConversations, type NewConversation } from '../storage/conversations.ts'
import { addToImport, finishImport, insertImport, insertQuarantinedRows, type QuarantinedRow } from '../storage/imports.ts'
import type { WritableDb } from '../storage/open.ts'
import { formatNamed, readConversations } from './read-conversations.ts'

/** `format` names those found, the most frequent first, joined by +; empty where nothing was readable. */
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
  if (options.format !== undefined) formatNamed(options.format)
  const batchSize = options.batchSize ?? BATCH_SIZE
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
    for await (const { results, bytesRead } of readConversations(path, options.format)) {
      for (const result of results) {
        if ('reason' in result) problems.push({ file: path, ...result })
        else {
          const { draft, format } = result
          found.set(format, (found.get(format) ?? 0) + 1)
          drafts.push({ ...draft, source: draft.source ?? sourceOf(path) })
          for (const message of draft.messages) characters += message.content.length
        }
        if (drafts.length + problems.length >= batchSize || characters >= BATCH_CHARACTERS) flush()
      }
      const { imported, duplicates, quarantined } = report
      options.onProgress?.({ bytesDone: bytesBefore + bytesRead, bytesTotal, imported, duplicates, quarantined })
      options.signal?.throwIfAborted()
    }
    bytesBefore += sizes[i] ?? 0
  }
  flush()
  report.seconds = (performance.now() - started) / 1000
  finishImport(db, id, report.seconds)
  return report
}

/** The facet of conversations whose rows name no source: the file's name without its endings. */
function sourceOf(path: string): string {
  return basename(path).replace(/(\.(jsonl?|ndjson|gz|zst))+$/i, '') || basename(path)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
