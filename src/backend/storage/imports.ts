import type { CallOutput } from '../../shared/contract.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export type ImportRow = CallOutput<'imports.list'>[number]
export type QuarantinedRow = { file: string; row: number; reason: string; raw: string }

/** Quarantined text is shown, not reparsed: so much of a row is kept. */
const KEPT_CHARACTERS = 2000

export function insertImport(db: WritableDb, row: { id: string; files: string[]; format: string; createdAt: string }): void {
  db.prepare('INSERT INTO imports (id, files, format, created_at) VALUES (?, ?, ?, ?)').run(row.id, JSON.stringify(row.files), row.format, row.createdAt)
}

/** Adds one batch's figures; in the transaction that writes the batch, so that figures and rows agree after a kill. */
export function addToImport(db: WritableDb, id: string, counts: { format: string; imported: number; duplicates: number; quarantined: number }): void {
  db.prepare('UPDATE imports SET format = ?, imported = imported + ?, duplicates = duplicates + ?, quarantined = quarantined + ? WHERE id = ?').run(
    counts.format, counts.imported, counts.duplicates, counts.quarantined, id,
  )
}

export function finishImport(db: WritableDb, id: string, seconds: number): void {
  db.prepare('UPDATE imports SET seconds = ? WHERE id = ?').run(seconds, id)
}

export function insertQuarantinedRows(db: WritableDb, importId: string, rows: readonly QuarantinedRow[]): void {
  const insert = db.prepare('INSERT INTO quarantined_rows (import_id, file, row, reason, raw) VALUES (?, ?, ?, ?, ?)')
  for (const { file, row, reason, raw } of rows) insert.run(importId, file, row, reason, raw.length > KEPT_CHARACTERS ? `${raw.slice(0, KEPT_CHARACTERS)}…` : raw)
}

export function listImports(db: ReadableDb): ImportRow[] {
  const rows = db.prepare('SELECT id, files, format, imported, duplicates, quarantined, created_at, seconds FROM imports ORDER BY created_at DESC, rowid DESC').all() as {
    id: string; files: string; format: string; imported: number; duplicates: number; quarantined: number; created_at: string; seconds: number | null
  }[]
  return rows.map(({ files, created_at, ...row }) => ({ ...row, files: JSON.parse(files) as string[], createdAt: created_at }))
}

export function pageOfQuarantinedRows(db: ReadableDb, filter: { importId?: string | undefined; offset: number; limit: number }): { total: number; rows: QuarantinedRow[] } {
  const importId = filter.importId ?? null
  const total = db.prepare('SELECT count(*) FROM quarantined_rows WHERE @importId IS NULL OR import_id = @importId').pluck().get({ importId }) as number
  const rows = db
    .prepare('SELECT file, row, reason, raw FROM quarantined_rows WHERE @importId IS NULL OR import_id = @importId ORDER BY id LIMIT @limit OFFSET @offset')
    .all({ importId, limit: filter.limit, offset: filter.offset }) as QuarantinedRow[]
  return { total, rows }
}
