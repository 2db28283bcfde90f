import type { CallOutput } from '../../shared/contract.ts'
import { isAtWork, type Owner } from '../jobs/owner.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { insertQuarantinedRows, type BadRow } from './quarantine.ts'

export type ImportRow = CallOutput<'imports.list'>[number]

/** A file as an import found it. */
export type FoundFile = { path: string; size: number; modifiedMs: number }
/** `rows`: so many are told already. */
export type FileToRead = FoundFile & { rows: number; done: boolean }

/**
 * Begins an import, or takes up the newest one of the same files and reading that nobody finished and nobody works
 * on. A file that has changed since is read from its start; what was quarantined of a file that is read from its
 * start is forgotten, for that reading tells it anew; what was dismissed is remembered.
 */
export function openImport(db: WritableDb, wanted: { id: string; files: readonly string[]; reading: object; found: readonly FoundFile[]; owner: Owner; now: Date }): { id: string; resumed: boolean; files: FileToRead[] } {
  const files = JSON.stringify(wanted.files)
  const reading = JSON.stringify(wanted.reading)
  const open = db.transaction(() => {
    const stopped = db.prepare('SELECT id, owner FROM imports WHERE seconds IS NULL AND files = ? AND reading = ? ORDER BY rowid DESC').all(files, reading) as { id: string; owner: string | null }[]
    const left = stopped.find(({ owner }) => !isAtWork(owner))
    const id = left?.id ?? wanted.id
    const owner = JSON.stringify(wanted.owner)
    if (left === undefined) db.prepare("INSERT INTO imports (id, files, format, created_at, reading, owner) VALUES (?, ?, '', ?, ?, ?)").run(id, files, wanted.now.toISOString(), reading, owner)
    else db.prepare('UPDATE imports SET owner = ? WHERE id = ?').run(owner, id)
    const knownFile = db.prepare('SELECT rows, done FROM import_files WHERE import_id = ? AND path = ? AND size = ? AND modified_ms = ?')
    const setFile = db.prepare('INSERT OR REPLACE INTO import_files (import_id, path, size, modified_ms) VALUES (?, ?, ?, ?)')
    const forget = db.prepare('DELETE FROM quarantined_rows WHERE file = ? AND dismissed_at IS NULL')
    return {
      id,
      resumed: left !== undefined,
      files: wanted.found.map((file): FileToRead => {
        const known = knownFile.get(id, file.path, file.size, file.modifiedMs) as { rows: number; done: number } | undefined
        if (known === undefined) {
          setFile.run(id, file.path, file.size, file.modifiedMs)
          forget.run(file.path)
        }
        return { ...file, rows: known?.rows ?? 0, done: known?.done === 1 }
      }),
    }
  })
  return open.immediate()
}

export type FileProgress = { path: string; rows: number; done: boolean }

/** Adds one batch's figures; in the transaction that writes the batch, so that figures and rows agree after a kill. */
export function addToImport(db: WritableDb, id: string, batch: { format: string; imported: number; duplicates: number; deleted: number; quarantined: readonly BadRow[]; files: readonly FileProgress[]; seconds: number }): void {
  insertQuarantinedRows(db, id, batch.quarantined)
  db.prepare("UPDATE imports SET format = coalesce(nullif(?, ''), format), imported = imported + ?, duplicates = duplicates + ?, deleted = deleted + ?, quarantined = quarantined + ?, worked_seconds = worked_seconds + ? WHERE id = ?").run(
    batch.format, batch.imported, batch.duplicates, batch.deleted, batch.quarantined.length, batch.seconds, id,
  )
  const setProgress = db.prepare('UPDATE import_files SET rows = ?, done = ? WHERE import_id = ? AND path = ?')
  for (const { path, rows, done } of batch.files) setProgress.run(rows, done ? 1 : 0, id, path)
}

export function finishImport(db: WritableDb, id: string): void {
  db.prepare('UPDATE imports SET seconds = worked_seconds WHERE id = ?').run(id)
}

/** Nobody works on it any more, whether it is finished or not. */
export function leaveImport(db: WritableDb, id: string): void {
  db.prepare('UPDATE imports SET owner = NULL WHERE id = ?').run(id)
}

/** One of its rows in quarantine gave conversations after all. */
export function addMended(db: WritableDb, id: string, { imported, duplicates, deleted }: { imported: number; duplicates: number; deleted: number }): void {
  db.prepare('UPDATE imports SET imported = imported + ?, duplicates = duplicates + ?, deleted = deleted + ? WHERE id = ?').run(imported, duplicates, deleted, id)
}

export function listImports(db: ReadableDb): ImportRow[] {
  const rows = db.prepare('SELECT id, files, format, imported, duplicates, deleted, quarantined, mended, created_at, seconds, reading, owner FROM imports ORDER BY created_at DESC, rowid DESC').all() as {
    id: string; files: string; format: string; imported: number; duplicates: number; deleted: number; quarantined: number; mended: number; created_at: string; seconds: number | null; reading: string; owner: string | null
  }[]
  return rows.map(({ files, created_at, reading, owner, ...row }) => ({
    ...row,
    files: JSON.parse(files) as string[],
    createdAt: created_at,
    reading: JSON.parse(reading) as ImportRow['reading'],
    stopped: row.seconds === null && !isAtWork(owner),
  }))
}
