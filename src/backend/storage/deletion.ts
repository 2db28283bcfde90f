/**
 * Deleting conversations. What is deleted leaves every table for one of its own, so that no list, search, count,
 * queue or dataset can show it; taken back, it stands where it stood. Purging ends that.
 */
import { setImmediate } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { excerpt } from '../../core/lint/finding.ts'
import type { DeletedConversation, Descent } from '../../shared/deletion.ts'
import type { Message } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Deleted conversations are purged after so many days. */
export const KEPT_DAYS = 30

/** Conversations to a transaction: others write and are answered in between, and taking one out of the index costs milliseconds. */
const BATCH = 5

type StoredRow = Record<string, unknown>
/** A deleted conversation's rows by table, itself first. */
type StoredRows = [table: string, rows: StoredRow[]][]

/** Takes conversations out; returns the number under which `restoreConversations` brings them back together. */
export async function deleteConversations(db: WritableDb, ids: readonly string[], now: Date): Promise<{ deletion: number; conversations: number }> {
  requireConversations(db, ids)
  const tables = tablesOfConversations(db)
  const nextNumber = db.prepare('SELECT coalesce(max(deletion), 0) + 1 FROM deleted_conversations').pluck()
  const conversationOf = db.prepare('SELECT * FROM conversations WHERE id = ?')
  const readers = tables.map(({ table, column }) => ({ table, rowsOf: db.prepare(`SELECT * FROM "${table}" WHERE "${column}" = ?`) }))
  const forget = db.prepare("INSERT INTO messages_fts (messages_fts, rowid, content) SELECT 'delete', id, content FROM messages WHERE conversation = ?")
  const remove = db.prepare('DELETE FROM conversations WHERE position = ?')
  const keep = db.prepare('INSERT INTO deleted_conversations (position, last_message, id, source, turns, deletion, deleted_at, rows) VALUES (?, (SELECT max(id) FROM messages WHERE conversation = ?), ?, ?, ?, ?, ?, ?)')
  let deletion = 0
  let conversations = 0
  const take = db.transaction((some: readonly string[]) => {
    if (deletion === 0) deletion = nextNumber.get() as number
    for (const id of some) {
      const conversation = conversationOf.get(id) as (StoredRow & { position: number; source: string; turns: number }) | undefined
      if (conversation === undefined) continue
      const { position, source, turns } = conversation
      const rows: StoredRows = [['conversations', [conversation]], ...readers.map(({ table, rowsOf }): StoredRows[number] => [table, rowsOf.all(position) as StoredRow[]])]
      keep.run(position, position, id, source, turns, deletion, now.toISOString(), serialize(rows))
      forget.run(position)
      remove.run(position)
      conversations += 1
    }
    tellChanges(db, [])
  })
  await overwriting(db, () => inBatches(ids, (some) => void take.immediate(some)))
  return { deletion, conversations }
}

/** Brings back those deleted together, or those named. A purged one has no text left: from then on it can be imported again. */
export async function restoreConversations(db: WritableDb, which: { deletion: number } | { ids: readonly string[] }): Promise<{ conversations: number; importable: number }> {
  const ids = 'ids' in which ? [...new Set(which.ids)] : (db.prepare('SELECT id FROM deleted_conversations WHERE deletion = ? ORDER BY position').pluck().all(which.deletion) as string[])
  const unknown = db.prepare('SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM deleted_conversations) LIMIT 1').pluck().get(JSON.stringify(ids))
  if (unknown !== undefined) throw new BackendError('not-found', `restore: expected ids of deleted conversations, got "${String(unknown)}"`)
  const find = db.prepare('SELECT position, rows FROM deleted_conversations WHERE id = ?')
  const drop = db.prepare('DELETE FROM deleted_conversations WHERE id = ?')
  const index = db.prepare('INSERT INTO messages_fts (rowid, content) SELECT id, content FROM messages WHERE conversation = ?')
  const report = { conversations: 0, importable: 0 }
  const bringBack = db.transaction((some: readonly string[]) => {
    // An entry of the review log may come before the one it takes back.
    db.pragma('defer_foreign_keys = ON')
    const back: number[] = []
    for (const id of some) {
      const deleted = find.get(id) as { position: number; rows: Buffer | null } | undefined
      if (deleted === undefined) continue
      drop.run(id)
      if (deleted.rows === null) {
        report.importable += 1
        continue
      }
      for (const [table, rows] of deserialize(deleted.rows) as StoredRows) insertRows(db, table, rows)
      index.run(deleted.position)
      report.conversations += 1
      back.push(deleted.position)
    }
    tellChanges(db, back)
  })
  await inBatches(ids, (some) => void bringBack.immediate(some))
  return report
}

/** Ends what can be taken back: the text of those named, or of all deleted before `before`, is overwritten on the disk. */
export async function purgeConversations(db: WritableDb, which: { ids: readonly string[] } | { before: Date }): Promise<number> {
  const ids = 'ids' in which ? which.ids : (db.prepare('SELECT id FROM deleted_conversations WHERE rows IS NOT NULL AND deleted_at < ?').pluck().all(which.before.toISOString()) as string[])
  if (ids.length === 0) return 0
  const purge = db.prepare('UPDATE deleted_conversations SET rows = NULL WHERE id = ? AND rows IS NOT NULL')
  let purged = 0
  const purgeSome = db.transaction((some: readonly string[]) => {
    for (const id of some) purged += purge.run(id).changes
  })
  await overwriting(db, () => inBatches(ids, (some) => void purgeSome.immediate(some)))
  // The log of writes still holds the text until it is carried over and cut.
  db.pragma('wal_checkpoint(TRUNCATE)')
  return purged
}

export function pageOfDeleted(db: ReadableDb, { offset, limit }: { offset: number; limit: number }): { total: number; rows: DeletedConversation[] } {
  const total = db.prepare('SELECT count(*) FROM deleted_conversations').pluck().get() as number
  const rows = db
    .prepare('SELECT id, source, turns, deleted_at AS deletedAt, rows FROM deleted_conversations ORDER BY deletion DESC, position LIMIT ? OFFSET ?')
    .all(limit, offset) as (Omit<DeletedConversation, 'opening'> & { rows: Buffer | null })[]
  return { total, rows: rows.map(({ rows: stored, ...row }) => ({ ...row, opening: stored === null ? null : openingIn(stored) })) }
}

/** When it was deleted; null where it was not. */
export function deletedAt(db: ReadableDb, id: string): string | null {
  return (db.prepare('SELECT deleted_at FROM deleted_conversations WHERE id = ?').pluck().get(id) as string | undefined) ?? null
}

/** What comes from these conversations, before they are deleted. */
export function descentOf(db: ReadableDb, ids: readonly string[]): Omit<Descent, 'classifierTurns'> {
  requireConversations(db, ids)
  const bound = { ids: JSON.stringify(ids) }
  const positions = 'SELECT position FROM conversations WHERE id IN (SELECT value FROM json_each(@ids))'
  const { conversations, turns } = db.prepare(`SELECT count(*) AS conversations, coalesce(sum(turns), 0) AS turns FROM conversations WHERE id IN (SELECT value FROM json_each(@ids))`).get(bound) as Pick<Descent, 'conversations' | 'turns'>
  const countOf = (sql: string): number => db.prepare(sql).pluck().get(bound) as number
  const datasets = db
    .prepare(
      `SELECT d.name, count(*) AS rows, d.rows AS "of" FROM dataset_rows r JOIN datasets d ON d.id = r.dataset
       WHERE r.conversation_id IN (SELECT value FROM json_each(@ids)) GROUP BY d.id ORDER BY d.id`,
    )
    .all(bound) as Descent['datasets']
  const runs = db
    .prepare(
      `SELECT r.id, r.status, d.value AS dataset FROM json_each(@names) d
       JOIN runs r ON r.settings ->> '$.dataset' = d.value OR r.settings ->> '$.warm_start.dataset' = d.value ORDER BY r.position, d.key`,
    )
    .all({ names: JSON.stringify(datasets.map(({ name }) => name)) }) as Descent['runs']
  return {
    conversations,
    turns,
    signals: countOf(`SELECT count(*) FROM signals WHERE conversation IN (${positions})`),
    labelledTurns: countOf(`SELECT count(*) FROM signals WHERE decider = 'human' AND conversation IN (${positions})`),
    datasets,
    runs,
    samples: countOf('SELECT count(*) FROM run_samples WHERE conversation_id IN (SELECT value FROM json_each(@ids))'),
  }
}

function requireConversations(db: ReadableDb, ids: readonly string[]): void {
  const missing = db.prepare('SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM conversations)').pluck().all(JSON.stringify(ids)) as string[]
  const [first] = missing
  if (first === undefined) return
  const when = deletedAt(db, first)
  throw new BackendError('not-found', `conversations: expected ids of conversations in this workspace, got "${first}"${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}${when === null ? '' : `, which was deleted on ${when.slice(0, 10)}`}`)
}

/** Tables whose rows belong to a conversation, by the keys they declare: a table that comes later is among them. */
function tablesOfConversations(db: ReadableDb): { table: string; column: string }[] {
  return db
    .prepare(`SELECT t.name AS "table", k."from" AS "column" FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table' AND k."table" = 'conversations' AND k."to" = 'position'`)
    .all() as { table: string; column: string }[]
}

function insertRows(db: WritableDb, table: string, rows: readonly StoredRow[]): void {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  const insert = db.prepare(`INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
  for (const row of rows) insert.run(columns.map((column) => row[column]))
}

const OPENING_CHARACTERS = 120

function openingIn(stored: Buffer): string {
  const [, rows = []] = (deserialize(stored) as StoredRows).find(([table]) => table === 'messages') ?? []
  const messages = rows as Message[]
  return excerpt((messages.find(({ role }) => role === 'user') ?? messages[0])?.content ?? '', 0, OPENING_CHARACTERS)
}

async function inBatches(ids: readonly string[], work: (some: readonly string[]) => void): Promise<void> {
  for (let from = 0; from < ids.length; from += BATCH) {
    work(ids.slice(from, from + BATCH))
    await setImmediate()
  }
}

/** While `work` runs, deleted content is overwritten with zeros. */
async function overwriting(db: WritableDb, work: () => Promise<void>): Promise<void> {
  const before = db.pragma('secure_delete', { simple: true }) as number
  db.pragma('secure_delete = ON')
  try {
    await work()
  } finally {
    db.pragma(`secure_delete = ${before}`)
  }
}
