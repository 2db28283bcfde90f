/** Rows that imports set aside: kept until they are mended, dismissed, or their file is read anew. */
import { createHash } from 'node:crypto'
import { KEPT_ROW_BYTES } from '../../core/import/raw-rows.ts'
import { kindOfReason, type SetAside } from '../../core/import/set-aside.ts'
import type { CallOutput, ImportReading, QuarantineFilter } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** `bytes`: of the whole row, of which `raw` may be the beginning. `known`: under this key it is in a quarantine already. */
export type BadRow = { file: string; row: number; reason: string; raw: string; header: string | null; bytes: number; known: string | null }
export type QuarantinedRow = CallOutput<'imports.quarantine'>['rows'][number]
export type QuarantinedText = CallOutput<'imports.quarantinedRow'>

/** So much of a row stands in a list. */
const LISTED_CHARACTERS = 300
/** So many values a filter offers, the most frequent ones. */
const MOST_VALUES = 200

/** As it is kept: whole up to `KEPT_ROW_BYTES`. */
export function toQuarantine({ file, row, reason, raw, header, bytes, key }: { file: string; row: number; reason: string; raw: string; header?: string | null; bytes?: number; key?: string }): BadRow {
  const size = Buffer.byteLength(raw)
  // The last character may be cut in two.
  const kept = size > KEPT_ROW_BYTES ? Buffer.from(raw).subarray(0, KEPT_ROW_BYTES).toString().replace(/\uFFFD$/, '') : raw
  return { file, row, reason, raw: kept, header: header ?? null, bytes: bytes ?? size, known: key ?? null }
}

/** The same row of the same file has the same key whenever it is read. */
export function keyOfRow({ file, row, raw }: { file: string; row: number; raw: string }): string {
  return createHash('sha256').update(JSON.stringify([file, row, raw])).digest('hex').slice(0, 32)
}

/** In the transaction that writes the batch. What was dismissed stays so when its file is read anew. */
export function insertQuarantinedRows(db: WritableDb, importId: string, rows: readonly BadRow[]): void {
  const setAgain = db.prepare('UPDATE quarantined_rows SET reason = @reason, kind = @kind, mended = nullif(@raw, raw) WHERE key = @key')
  const isDismissed = db.prepare('SELECT 1 FROM quarantined_rows WHERE key = ? AND dismissed_at IS NOT NULL').pluck()
  const insert = db.prepare('INSERT INTO quarantined_rows (import_id, file, row, reason, raw, key, kind, header, bytes) VALUES (@importId, @file, @row, @reason, @raw, @key, @kind, @header, @bytes)')
  for (const { known, ...bad } of rows) {
    const row = { ...bad, importId, key: known ?? keyOfRow(bad), kind: kindOfReason(bad.reason) }
    if (known !== null && setAgain.run(row).changes > 0) continue
    if (known === null && isDismissed.get(row.key) !== undefined) continue
    insert.run(row)
  }
}

/** They became conversations; in the transaction that writes these. */
export function leaveQuarantine(db: WritableDb, keys: Iterable<string>): void {
  const remove = db.prepare('DELETE FROM quarantined_rows WHERE key = ? RETURNING import_id').pluck()
  const count = db.prepare('UPDATE imports SET mended = mended + 1 WHERE id = ?')
  for (const key of keys) for (const importId of remove.all(key)) count.run(importId)
}

/** Keeps what was tried, and what is wrong with it now. */
export function keepAttempt(db: WritableDb, id: number, text: string, reason: string): void {
  db.prepare('UPDATE quarantined_rows SET reason = ?, kind = ?, mended = nullif(?, raw) WHERE id = ?').run(reason, kindOfReason(reason), text, id)
}

/** Hides a row, or takes that back. */
export function dismissRow(db: WritableDb, id: number, dismissed: boolean, now: Date): void {
  if (db.prepare('UPDATE quarantined_rows SET dismissed_at = ? WHERE id = ?').run(dismissed ? now.toISOString() : null, id).changes === 0) throw notThere(id)
}

const WHERE = '(@importId IS NULL OR import_id = @importId) AND (@file IS NULL OR file = @file) AND (@kind IS NULL OR kind = @kind) AND (dismissed_at IS NOT NULL) = @dismissed'
const bound = ({ importId, file, kind, dismissed = false }: Partial<QuarantineFilter>) => ({ importId: importId ?? null, file: file ?? null, kind: kind ?? null, dismissed: Number(dismissed) })

export function pageOfQuarantinedRows(db: ReadableDb, { offset, limit, ...filter }: Partial<QuarantineFilter> & { offset: number; limit: number }): { total: number; rows: QuarantinedRow[] } {
  const total = db.prepare(`SELECT count(*) FROM quarantined_rows WHERE ${WHERE}`).pluck().get(bound(filter)) as number
  const rows = db
    .prepare(`SELECT id, key, import_id AS importId, file, row, reason, substr(raw, 1, ${LISTED_CHARACTERS}) AS raw, mended IS NOT NULL AS edited FROM quarantined_rows WHERE ${WHERE} ORDER BY id LIMIT @limit OFFSET @offset`)
    .all({ ...bound(filter), limit, offset }) as (Omit<QuarantinedRow, 'edited'> & { edited: number })[]
  return { total, rows: rows.map((row) => ({ ...row, edited: row.edited === 1 })) }
}

/** What the rows can be narrowed to, under the other fields. */
export function quarantineFacets(db: ReadableDb, filter: QuarantineFilter): CallOutput<'imports.quarantineFacets'> {
  const values = (column: string, field: keyof QuarantineFilter) =>
    db.prepare(`SELECT ${column} AS value, count(*) AS count FROM quarantined_rows WHERE ${WHERE} GROUP BY ${column} ORDER BY count(*) DESC, ${column} LIMIT ${MOST_VALUES}`).all(bound({ ...filter, [field]: undefined })) as { value: string; count: number }[]
  const dismissed = db.prepare('SELECT count(*) FROM quarantined_rows WHERE dismissed_at IS NOT NULL').pluck().get() as number
  return { imports: values('import_id', 'importId'), files: values('file', 'file'), kinds: values('kind', 'kind'), dismissed }
}

const WHOLE = `SELECT q.id, q.key, q.import_id AS importId, q.file, q.row, q.reason, q.raw, q.mended, q.header, q.bytes, (q.bytes IS NULL OR q.bytes > octet_length(q.raw)) AS isCut, q.dismissed_at IS NOT NULL AS isDismissed, i.reading
  FROM quarantined_rows q JOIN imports i ON i.id = q.import_id`
type StoredRow = Omit<QuarantinedText, 'isCut' | 'isDismissed' | 'reading'> & { isCut: number; isDismissed: number; reading: string }
const toText = ({ isCut, isDismissed, reading, ...row }: StoredRow): QuarantinedText => ({ ...row, isCut: isCut === 1, isDismissed: isDismissed === 1, reading: JSON.parse(reading) as ImportReading })

export function quarantinedRow(db: ReadableDb, id: number): QuarantinedText {
  const row = db.prepare(`${WHOLE} WHERE q.id = ?`).get(id) as StoredRow | undefined
  if (row === undefined) throw notThere(id)
  return toText(row)
}

/** Each as it stands now, a failed attempt in place of what came; read in pages, so that no other statement waits. */
export function* eachSetAside(db: ReadableDb, filter: Partial<QuarantineFilter>): Generator<SetAside & { isCut: boolean }> {
  const page = db.prepare(`${WHOLE} WHERE q.id IN (SELECT id FROM quarantined_rows WHERE ${WHERE}) AND q.id > @after ORDER BY q.id LIMIT 20`)
  for (let after = 0; ; ) {
    const rows = page.all({ ...bound(filter), after }) as StoredRow[]
    if (rows.length === 0) return
    for (const stored of rows) {
      const { key, file, row, reason, raw, mended, header, reading, isCut } = toText(stored)
      yield { key, file, row, reason, raw: mended ?? raw, header, reading, isCut }
    }
    after = rows.at(-1)!.id
  }
}

const notThere = (id: number): BackendError => new BackendError('not-found', `quarantine: expected the id of a row that is set aside, got ${id}. It was mended, or its file was read anew: look at the list again`)
