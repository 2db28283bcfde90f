/**
 * Deleting conversations. What is deleted leaves every table for one of its own, so that no list, search, count,
 * queue or dataset can show it; taken back, it stands where it stood. Purging ends that.
 */
import { setImmediate } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { excerpt } from '../../core/lint/finding.ts'
import type { DeletedConversation, Deletion, Descent } from '../../shared/deletion.ts'
import type { Message } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { clearWords, leaveWords } from './clear-words.ts'
import { tellChanges } from './conversation-changes.ts'
import { batchesInTurn } from '../write-turns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Deleted conversations are purged after so many days. */
export const KEPT_DAYS = 30

/** Conversations to a transaction: taking one out of the index costs milliseconds. */
const BATCH = { least: 5, most: 500 }
/** From so many on, and from this share of all, a merge of the whole index takes less time than taking out the words of each. */
const MANY = 50
const MANY_OF_ALL = 1 / 500

/** Told after each batch; throws where the work is to stop, which keeps what is done. */
type Told = (done: number, total: number, stage: string) => void

type StoredRow = Record<string, unknown>
/** A deleted conversation's rows by table, itself first. */
type StoredRows = [table: string, rows: StoredRow[]][]

/** Positions of conversations by their ids. Throws a BackendError that names the first it does not find, and when it was deleted. */
export function positionsOf(db: ReadableDb, ids: readonly string[]): number[] {
  const missing = db.prepare('SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM conversations)').pluck().all(JSON.stringify(ids)) as string[]
  const [first] = missing
  if (first !== undefined) {
    const when = deletedAt(db, first)
    throw new BackendError('not-found', `conversations: expected ids of conversations in this workspace, got "${first}"${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}${when === null ? '' : `, which was deleted on ${when.slice(0, 10)}`}`)
  }
  return db.prepare('SELECT position FROM conversations WHERE id IN (SELECT value FROM json_each(?)) ORDER BY position').pluck().all(JSON.stringify(ids)) as number[]
}

/** Takes conversations out by their positions; the number it returns brings them back together (`restoreConversations`). */
export async function deleteConversations(db: WritableDb, positions: ArrayLike<number>, now: Date, tell?: Told): Promise<Deletion> {
  const tables = tablesOfConversations(db)
  const nextNumber = db.prepare('SELECT coalesce(max(deletion), 0) + 1 FROM deleted_conversations').pluck()
  const conversationAt = db.prepare('SELECT * FROM conversations WHERE position = ?')
  const readers = tables.map(({ table, column }) => ({ table, rowsOf: db.prepare(`SELECT * FROM "${table}" WHERE "${column}" = ?`) }))
  const forget = db.prepare("INSERT INTO messages_fts (messages_fts, rowid, content) SELECT 'delete', id, content FROM messages WHERE conversation = ?")
  const remove = db.prepare('DELETE FROM conversations WHERE position = ?')
  const keep = db.prepare('INSERT INTO deleted_conversations (position, last_message, id, source, turns, deletion, deleted_at, rows) VALUES (?, (SELECT max(id) FROM messages WHERE conversation = ?), ?, ?, ?, ?, ?, ?)')
  let deletion = 0
  let conversations = 0
  const take = db.transaction((some: readonly number[]) => {
    if (deletion === 0) deletion = nextNumber.get() as number
    for (const position of some) {
      const conversation = conversationAt.get(position) as (StoredRow & { id: string; source: string; turns: number }) | undefined
      if (conversation === undefined) continue
      const { id, source, turns } = conversation
      const rows: StoredRows = [['conversations', [conversation]], ...readers.map(({ table, rowsOf }): StoredRows[number] => [table, rowsOf.all(position) as StoredRow[]])]
      keep.run(position, position, id, source, turns, deletion, now.toISOString(), serialize(rows))
      forget.run(position)
      remove.run(position)
      conversations += 1
    }
    tellChanges(db, [])
  })
  const all = db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
  const stopped = await overwriting(db, async () => {
    if (positions.length >= Math.max(MANY, MANY_OF_ALL * all)) {
      leaveWords(db)
      // Large segments beside small new ones: at the sixteenth, FTS5 merges all of them at once, for seconds.
      await clearWords(db, tell && ((done, total) => tell(done, total, 'preparing the index')))
      leaveWords(db)
    }
    const wasStopped = await inBatches(positions, (some) => void take.immediate(some), tell && ((done, total) => tell(done, total, 'deleting')))
    if (!wasStopped) await clearWords(db, tell && ((done, total) => tell(done, total, 'clearing the index')))
    return wasStopped
  })
  return { deletion, conversations, stopped }
}

/** Brings back those deleted together, or those named. A purged one has no text left: from then on it can be imported again. */
export async function restoreConversations(db: WritableDb, which: { deletion: number } | { ids: readonly string[] }, tell?: Told): Promise<{ conversations: number; importable: number; stopped: boolean }> {
  if ('ids' in which) {
    const unknown = db.prepare('SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM deleted_conversations) LIMIT 1').pluck().get(JSON.stringify(which.ids))
    if (unknown !== undefined) throw new BackendError('not-found', `restore: expected ids of deleted conversations, got "${String(unknown)}"`)
  }
  const positions =
    'ids' in which
      ? (db.prepare('SELECT position FROM deleted_conversations WHERE id IN (SELECT value FROM json_each(?)) ORDER BY position').pluck().all(JSON.stringify(which.ids)) as number[])
      : (db.prepare('SELECT position FROM deleted_conversations WHERE deletion = ? ORDER BY position').pluck().all(which.deletion) as number[])
  const find = db.prepare('SELECT rows FROM deleted_conversations WHERE position = ?')
  const drop = db.prepare('DELETE FROM deleted_conversations WHERE position = ?')
  const index = db.prepare('INSERT INTO messages_fts (rowid, content) SELECT id, content FROM messages WHERE conversation = ?')
  const insert = rowInserter(db)
  const report = { conversations: 0, importable: 0 }
  const bringBack = db.transaction((some: readonly number[]) => {
    // An entry of the review log may come before the one it takes back.
    db.pragma('defer_foreign_keys = ON')
    const back: number[] = []
    for (const position of some) {
      const deleted = find.get(position) as { rows: Buffer | null } | undefined
      if (deleted === undefined) continue
      drop.run(position)
      if (deleted.rows === null) {
        report.importable += 1
        continue
      }
      for (const [table, rows] of deserialize(deleted.rows) as StoredRows) insert(table, rows)
      index.run(position)
      report.conversations += 1
      back.push(position)
    }
    tellChanges(db, back)
  })
  const stopped = await inBatches(positions, (some) => void bringBack.immediate(some), tell && ((done, total) => tell(done, total, 'restoring')))
  return { ...report, stopped }
}

/** Ends what can be taken back: the text of those named, or of all deleted before `before`, is overwritten on the disk. */
export async function purgeConversations(db: WritableDb, which: { ids: readonly string[] } | { before: Date }): Promise<number> {
  // Of a deletion that was stopped or killed.
  await overwriting(db, () => clearWords(db))
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

/** What comes from conversations, by their positions, before they are deleted. @param learned turns that the workspace's classifier has learned from, by conversation id */
export function descentOf(db: ReadableDb, positions: ArrayLike<number>, learned: Readonly<Record<string, number>> = {}): Descent {
  const bound = { positions: JSON.stringify(Array.from(positions)), learned: JSON.stringify(learned) }
  const chosen = 'SELECT value FROM json_each(@positions)'
  const chosenIds = `SELECT id FROM conversations WHERE position IN (${chosen})`
  const { conversations, turns } = db.prepare(`SELECT count(*) AS conversations, coalesce(sum(turns), 0) AS turns FROM conversations WHERE position IN (${chosen})`).get(bound) as Pick<Descent, 'conversations' | 'turns'>
  const countOf = (sql: string): number => db.prepare(sql).pluck().get(bound) as number
  const datasets = db
    .prepare(
      `SELECT d.name, count(*) AS rows, d.rows AS "of" FROM dataset_rows r JOIN datasets d ON d.id = r.dataset
       WHERE r.conversation_id IN (${chosenIds}) GROUP BY d.id ORDER BY d.id`,
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
    signals: countOf(`SELECT count(*) FROM signals WHERE conversation IN (${chosen})`),
    labelledTurns: countOf(`SELECT count(*) FROM signals WHERE decider = 'human' AND conversation IN (${chosen})`),
    datasets,
    runs,
    samples: countOf(`SELECT count(*) FROM run_samples WHERE conversation_id IN (${chosenIds})`),
    classifierTurns: countOf(`SELECT coalesce(sum(l.value), 0) FROM json_each(@learned) l JOIN conversations c ON c.id = l.key WHERE c.position IN (${chosen})`),
  }
}

/** Tables whose rows belong to a conversation, by the keys they declare: a table that comes later is among them. */
function tablesOfConversations(db: ReadableDb): { table: string; column: string }[] {
  return db
    .prepare(`SELECT t.name AS "table", k."from" AS "column" FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table' AND k."table" = 'conversations' AND k."to" = 'position'`)
    .all() as { table: string; column: string }[]
}

/** Statements are prepared once a table and set of columns: a deletion's rows are alike but for the versions that wrote them. */
function rowInserter(db: WritableDb): (table: string, rows: readonly StoredRow[]) => void {
  const prepared = new Map<string, ReturnType<WritableDb['prepare']>>()
  return (table, rows) => {
    for (const row of rows) {
      const columns = Object.keys(row)
      const sql = `INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
      const insert = prepared.get(sql) ?? db.prepare(sql)
      prepared.set(sql, insert)
      insert.run(Object.values(row))
    }
  }
}

const OPENING_CHARACTERS = 120

function openingIn(stored: Buffer): string {
  const [, rows = []] = (deserialize(stored) as StoredRows).find(([table]) => table === 'messages') ?? []
  const messages = rows as Message[]
  return excerpt((messages.find(({ role }) => role === 'user') ?? messages[0])?.content ?? '', 0, OPENING_CHARACTERS)
}

/** @returns whether it was told to stop before its end */
async function inBatches<Item>(items: ArrayLike<Item>, work: (some: readonly Item[]) => void, tell: (done: number, total: number) => void = () => {}): Promise<boolean> {
  const all = Array.from(items)
  for (const { from, until } of batchesInTurn(all.length, BATCH)) {
    work(all.slice(from, until))
    try {
      tell(until, all.length)
    } catch {
      return until < all.length
    }
    await setImmediate()
  }
  return false
}

/** While `work` runs, deleted content is overwritten with zeros. */
async function overwriting<Done>(db: WritableDb, work: () => Promise<Done>): Promise<Done> {
  const before = db.pragma('secure_delete', { simple: true }) as number
  db.pragma('secure_delete = ON')
  try {
    return await work()
  } finally {
    db.pragma(`secure_delete = ${before}`)
  }
}
