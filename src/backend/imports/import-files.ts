/**
 * Imports files into a workspace: rows are read as a stream, bad ones are quarantined with their reason, and
 * every batch is one transaction that also says how far each file was read. Killed at any instant, what was written
 * stays, and importing the same files again goes on behind it.
 */
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { withoutEndings } from '../../core/import/file-endings.ts'
import type { ImportedReview } from '../../core/import/review-labels.ts'
import type { ImportReading } from '../../shared/contract.ts'
import { thisOwner } from '../jobs/owner.ts'
import { writeConversations, type NewConversation } from '../storage/conversations.ts'
import { addToImport, finishImport, leaveImport, openImport, type FileProgress, type FileToRead, type FoundFile } from '../storage/imports.ts'
import type { WritableDb } from '../storage/open.ts'
import { giveWay, isWrittenBeside } from '../write-turns.ts'
import { leaveQuarantine, toQuarantine, type BadRow } from '../storage/quarantine.ts'
import { findFiles } from './find-files.ts'
import { appendImportedLabel } from '../storage/review.ts'
import { formatOf, readImport } from './read-conversations.ts'

/**
 * Of this call alone. `format` names those found, the most frequent first, joined by +; empty where nothing was
 * readable. `resumed`: it took up an import that had been stopped. `deleted`: conversations that were deleted from the
 * workspace before and are left out. `labels`: of people, of conversations that are here.
 */
export type ImportReport = { id: string; imported: number; duplicates: number; deleted: number; labels: number; quarantined: number; seconds: number; format: string; resumed: boolean }
export type ImportProgress = { bytesDone: number; bytesTotal: number; imported: number; duplicates: number; quarantined: number }

export type ImportOptions = ImportReading & {
  signal?: AbortSignal
  onProgress?: (progress: ImportProgress) => void
  /** Conversations per transaction. */
  batchSize?: number
}

const BATCH_SIZE = 8000
/** While somebody labels beside it: each batch keeps them waiting for some 50 ms at most. */
const BATCH_BESIDE = 150
/** A batch also ends here, so that long conversations do not fill the memory. */
const BATCH_CHARACTERS = 24_000_000

/** @param given files, and folders for all files in them */
export async function importFiles(db: WritableDb, given: readonly string[], options: ImportOptions = {}): Promise<ImportReport> {
  const { format, mapping, batchSize = BATCH_SIZE } = options
  formatOf({ format, mapping })
  const found = findFiles(given).map(asFound)
  const { id, resumed, files } = openImport(db, { id: randomUUID(), files: given.map((path) => resolve(path)), reading: { format, mapping }, found, owner: thisOwner(), now: new Date() })
  try {
    return await readFiles(db, { id, resumed, files }, { ...options, batchSize })
  } finally {
    leaveImport(db, id)
  }
}

async function readFiles(db: WritableDb, { id, resumed, files }: { id: string; resumed: boolean; files: readonly FileToRead[] }, options: ImportOptions & { batchSize: number }): Promise<ImportReport> {
  const started = performance.now()
  let flushed = started
  const found = new Map<string, number>()
  const report: ImportReport = { id, imported: 0, duplicates: 0, deleted: 0, labels: 0, quarantined: 0, seconds: 0, format: '', resumed }
  let drafts: NewConversation[] = []
  let problems: BadRow[] = []
  let reviews: { file: string; row: number; raw: string; review: ImportedReview }[] = []
  /** Keys of rows in quarantine that came back mended, with the conversations that they gave. */
  let mended = new Set<string>()
  let characters = 0
  const progress = new Map<string, FileProgress>()

  const flush = (): void => {
    giveWay()
    report.format = [...found].sort((a, b) => b[1] - a[1]).map(([name]) => name).join('+')
    const { imported, duplicates, deleted } = writeConversations(db, id, drafts, (counts) => {
      // Behind the batch's conversations, which they may be of.
      for (const { review, ...place } of reviews) {
        const reason = appendImportedLabel(db, review)
        if (reason === null) report.labels += 1
        else problems.push(toQuarantine({ ...place, reason }))
      }
      const now = performance.now()
      leaveQuarantine(db, mended)
      addToImport(db, id, { ...counts, format: report.format, quarantined: problems, files: [...progress.values()], seconds: (now - flushed) / 1000 })
      flushed = now
    })
    report.imported += imported
    report.duplicates += duplicates
    report.deleted += deleted
    report.quarantined += problems.length
    drafts = []
    problems = []
    reviews = []
    mended = new Set()
    characters = 0
    progress.clear()
  }

  const bytesTotal = files.reduce((sum, { size }) => sum + size, 0)
  let bytesBefore = 0
  for (const { path, size, rows, done } of files) {
    let through = rows
    for await (const { results, bytesRead } of done ? [] : readImport(path, options, rows)) {
      for (const result of results) {
        if ('review' in result) {
          found.set(result.format, (found.get(result.format) ?? 0) + 1)
          reviews.push({ file: path, row: result.row, raw: result.raw, review: result.review })
          characters += result.raw.length
        } else if ('reason' in result) {
          const { of } = result
          const bad = toQuarantine({ file: path, ...result, ...(of !== undefined && { key: of.key, file: of.file, row: of.row, header: of.header }) })
          problems.push(bad)
          characters += bad.raw.length
        } else {
          const { draft, format, of } = result
          found.set(format, (found.get(format) ?? 0) + 1)
          drafts.push({ ...draft, source: draft.source ?? sourceOf(of?.file ?? path) })
          if (of !== undefined) mended.add(of.key)
          for (const message of draft.messages) characters += message.content.length
        }
        if (result.through === null) continue
        through = result.through
        const inBatch = drafts.length + problems.length + reviews.length
        if (inBatch >= options.batchSize || (inBatch >= BATCH_BESIDE && isWrittenBeside()) || characters >= BATCH_CHARACTERS) {
          progress.set(path, { path, rows: through, done: false })
          flush()
        }
      }
      const { imported, duplicates, quarantined } = report
      options.onProgress?.({ bytesDone: bytesBefore + bytesRead, bytesTotal, imported, duplicates, quarantined })
      options.signal?.throwIfAborted()
    }
    progress.set(path, { path, rows: through, done: true })
    bytesBefore += size
  }
  flush()
  report.seconds = (performance.now() - started) / 1000
  finishImport(db, id)
  return report
}

/** The facet of conversations whose rows name no source: the file's name without its endings and shard number. */
export function sourceOf(path: string): string {
  return withoutEndings(basename(path)).replace(/-\d{5}-of-\d{5}$/, '') || basename(path)
}

function asFound(path: string): FoundFile {
  const found = statSync(path, { throwIfNoEntry: false })
  return { path, size: found?.size ?? 0, modifiedMs: found?.mtimeMs ?? 0 }
}
