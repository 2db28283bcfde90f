/** A row that was set aside: read again as it was mended, or written out to be mended elsewhere. */
import type { CallOutput, QuarantineFilter } from '../../shared/contract.ts'
import { writeSetAside } from '../../core/import/set-aside.ts'
import { BackendError } from '../errors.ts'
import { conversationId, writeConversations } from '../storage/conversations.ts'
import { addMended } from '../storage/imports.ts'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import { eachSetAside, keepAttempt, leaveQuarantine, quarantinedRow } from '../storage/quarantine.ts'
import { writeLines } from '../write-lines.ts'
import { sourceOf } from './import-files.ts'
import { readText } from './read-conversations.ts'

/** Reads the text as its import would have. It leaves the quarantine with what it gave, or stays with the new reason. */
export function mendRow(db: WritableDb, id: number, text: string): CallOutput<'imports.mend'> {
  const { key, file, row, importId, header, reading, isCut, bytes } = quarantinedRow(db, id)
  if (isCut) throw new BackendError('bad-input', `row ${row} of ${file}: expected a row that is kept whole, got the beginning of one of ${bytes ?? 'more than 20,000'} bytes. Mend it in the file and import the file again`)
  const read = readText(text, { header, ...reading })
  if ('reason' in read) {
    keepAttempt(db, id, text, read.reason)
    return { reason: read.reason }
  }
  const drafts = read.drafts.map((draft) => ({ ...draft, source: draft.source ?? sourceOf(file) }))
  const counts = writeConversations(db, importId, drafts, (written) => {
    leaveQuarantine(db, [key])
    addMended(db, importId, written)
  })
  return { ...counts, conversationId: conversationId(drafts[0]!.messages, drafts[0]!.metadata) }
}

/** JSON lines that import as they are once mended. Rows that are kept in part, and files that could not be read, are left out. */
export async function exportQuarantine(db: ReadableDb, { path, ...filter }: Partial<QuarantineFilter> & { path: string }): Promise<{ path: string; rows: number; leftOut: number }> {
  let [rows, leftOut] = [0, 0]
  function* lines(): Generator<string> {
    for (const { isCut, ...row } of eachSetAside(db, filter)) {
      if (isCut || row.raw === '') {
        leftOut += 1
        continue
      }
      rows += 1
      yield `${writeSetAside(row)}\n`
    }
  }
  const written = await writeLines(path, lines())
  return { path: written, rows, leftOut }
}
