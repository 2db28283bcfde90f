/** Conversations and their messages: writing a batch, and reading one back. Browsing is in `browse.ts`. */
import { createHash } from 'node:crypto'
import { identityText, type ConversationDraft } from '../../core/import/format.ts'
import { isReaction } from '../../core/import/messages.ts'
import type { Conversation, Message } from '../../shared/types.ts'
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { writeSignals, type SignalWrite } from './signals.ts'
import { tagChanger } from './tags.ts'

export type NewConversation = ConversationDraft & { source: string }

/** Content hash: 128 bits of SHA-256 over roles and contents, in hexadecimal. */
export function conversationId(messages: readonly Message[], metadata: Readonly<Record<string, unknown>> = {}): string {
  return createHash('sha256').update(identityText(messages, metadata)).digest('hex').slice(0, 32)
}

/** `deleted`: left out, because somebody deleted them from the workspace. */
export type WriteCounts = { imported: number; duplicates: number; deleted: number }

/**
 * Writes a batch in one transaction, with the caller's own rows (`alongside`). Conversations that are there
 * already are duplicates; labels and tags that a duplicate brings are written all the same.
 */
export function writeConversations(db: WritableDb, importId: string, drafts: readonly NewConversation[], alongside: (counts: WriteCounts) => void): WriteCounts {
  const insertConversation = db.prepare(
    `INSERT INTO conversations (position, id, source, model, language, created_at, turns, characters, metadata, import_id, answered_turns)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  )
  const isDeleted = db.prepare('SELECT 1 FROM deleted_conversations WHERE id = ?').pluck()
  const findPosition = db.prepare('SELECT position FROM conversations WHERE id = ?').pluck()
  const insertMessage = db.prepare('INSERT INTO messages (id, conversation, turn_index, role, content) VALUES (?, ?, ?, ?, ?)')
  const write = db.transaction(() => {
    // A deleted one keeps its place and its messages' numbers, to come back to.
    const { last, before, anyDeleted } = db
      .prepare(
        `SELECT max(coalesce((SELECT max(position) FROM conversations), 0), coalesce(max(position), 0)) AS last,
                max(coalesce((SELECT max(id) FROM messages), 0), coalesce(max(last_message), 0)) AS before, count(*) > 0 AS anyDeleted
         FROM deleted_conversations`,
      )
      .get() as { last: number; before: number; anyDeleted: number }
    let number = before
    const signals: SignalWrite[] = []
    const tagged = new Map<string, number[]>()
    let imported = 0
    let deleted = 0
    for (const draft of drafts) {
      const id = conversationId(draft.messages, draft.metadata)
      if (anyDeleted === 1 && isDeleted.get(id) !== undefined) {
        deleted += 1
        continue
      }
      let characters = 0
      let answered = 0
      draft.messages.forEach((message, i) => {
        characters += message.content.length
        if (isReaction(draft.messages, i)) answered += 1
      })
      const { changes, lastInsertRowid } = insertConversation.run(last + imported + 1, id, draft.source, draft.model, draft.language, draft.createdAt, draft.messages.length, characters, JSON.stringify(draft.metadata), importId, answered)
      if (changes === 1) {
        imported += 1
        draft.messages.forEach((message, i) => insertMessage.run(++number, lastInsertRowid, i, message.role, message.content))
      }
      if (draft.labels.length > 0 || draft.tags !== undefined) {
        const conversation = changes === 1 ? Number(lastInsertRowid) : (findPosition.get(id) as number)
        for (const tag of draft.tags ?? []) {
          const positions = tagged.get(tag)
          if (positions === undefined) tagged.set(tag, [conversation])
          else positions.push(conversation)
        }
        for (const { turnIndex, label, probability, categories } of draft.labels) signals.push({ conversation, turnIndex, label, probability, categories, evidence: null, decider: 'imported', deciderVersion: importId })
      }
    }
    db.prepare('INSERT INTO messages_fts (rowid, content) SELECT id, content FROM messages WHERE id > ?').run(before)
    writeSignals(db, signals)
    const putOn = tagChanger(db, true)
    for (const [tag, positions] of tagged) if (positions.filter((position) => putOn(tag, position)).length > 0) tellChanges(db, [])
    const counts = { imported, duplicates: drafts.length - imported - deleted, deleted }
    alongside(counts)
    return counts
  })
  return write.immediate()
}

export function getConversation(db: ReadableDb, id: string): { position: number; conversation: Conversation } | null {
  const row = db.prepare('SELECT position, id, source, model, language, created_at, metadata FROM conversations WHERE id = ?').get(id) as StoredConversation | undefined
  if (row === undefined) return null
  return { position: row.position, conversation: toConversation(row, messageReader(db)(row.position)) }
}

/** Reads one conversation after the other, each by its position; null where none stands there. */
export function readConversationAt(db: ReadableDb): (position: number) => Conversation | null {
  const rowAt = db.prepare('SELECT position, id, source, model, language, created_at, metadata FROM conversations WHERE position = ?')
  const messagesOf = messageReader(db)
  return (position) => {
    const row = rowAt.get(position) as StoredConversation | undefined
    return row === undefined ? null : toConversation(row, messagesOf(position))
  }
}

export function conversationIds(db: ReadableDb, positions: Iterable<number>): string[] {
  const idAt = db.prepare('SELECT id FROM conversations WHERE position = ?').pluck()
  return Array.from(positions, (position) => idAt.get(position) as string)
}

/** Reads the messages of one conversation after the other, each by its position. */
export function messageReader(db: ReadableDb): (position: number) => Message[] {
  const messagesOf = db.prepare('SELECT role, content FROM messages WHERE conversation = ? ORDER BY turn_index')
  return (position) => messagesOf.all(position) as Message[]
}

/** The position of a conversation by its id, or null. */
export function findConversation(db: ReadableDb, id: string): number | null {
  return (db.prepare('SELECT position FROM conversations WHERE id = ?').pluck().get(id) as number | undefined) ?? null
}

/** After FROM: user messages `u`, each with the assistant message `r` that it follows. */
export const REACTIONS = "messages u JOIN messages r ON u.role = 'user' AND r.conversation = u.conversation AND r.turn_index = u.turn_index - 1 AND r.role = 'assistant'"

/** The text of the user message at `turnIndex`, or null where none stands there or it follows no assistant message. */
export function findReaction(db: ReadableDb, position: number, turnIndex: number): string | null {
  const text = db.prepare(`SELECT u.content FROM ${REACTIONS} WHERE u.conversation = ? AND u.turn_index = ?`).pluck().get(position, turnIndex) as string | undefined
  return text ?? null
}

/** Conversations in import order, read in pages so that a transaction elsewhere is not held up. @param among all, or those of one source, or those behind a position up to another */
export function* eachConversation(db: ReadableDb, { sources = null, after: start = 0, until = Number.MAX_SAFE_INTEGER }: { sources?: readonly string[] | null; after?: number; until?: number } = {}): Generator<{ position: number; conversation: Conversation }> {
  const pageSize = 500
  const pageOf = db.prepare(
    `SELECT position, id, source, model, language, created_at, metadata FROM conversations
     WHERE position > @after AND position <= @until AND (@sources IS NULL OR source IN (SELECT value FROM json_each(@sources))) ORDER BY position LIMIT ${pageSize}`,
  )
  const messagesBetween = db.prepare('SELECT conversation, role, content FROM messages WHERE conversation BETWEEN ? AND ? ORDER BY conversation, turn_index')
  for (let after = start; ; ) {
    const rows = pageOf.all({ after, until, sources: sources && JSON.stringify(sources) }) as StoredConversation[]
    const [first, last] = [rows[0], rows.at(-1)]
    if (first === undefined || last === undefined) return
    const messages = new Map<number, Message[]>(rows.map((row) => [row.position, []]))
    for (const { conversation, role, content } of messagesBetween.all(first.position, last.position) as (Message & { conversation: number })[]) messages.get(conversation)?.push({ role, content })
    for (const row of rows) yield { position: row.position, conversation: toConversation(row, messages.get(row.position) ?? []) }
    after = last.position
  }
}

/** Ids and messages of the conversations behind `after`, up to `until`, by position: for what reads the texts of a whole workspace alone. */
export function talkReader(db: ReadableDb): (after: number, until: number) => { position: number; id: string; messages: Message[] }[] {
  const idsOf = db.prepare('SELECT position, id FROM conversations WHERE position > ? AND position <= ? ORDER BY position').raw()
  const messagesOf = db.prepare('SELECT conversation, role, content FROM messages WHERE conversation > ? AND conversation <= ? ORDER BY conversation, turn_index').raw()
  return (after, until) => {
    const rows = messagesOf.all(after, until) as [conversation: number, role: Message['role'], content: string][]
    let next = 0
    return (idsOf.all(after, until) as [position: number, id: string][]).map(([position, id]) => {
      const messages: Message[] = []
      for (; next < rows.length && rows[next]![0] <= position; next++) {
        const [conversation, role, content] = rows[next]!
        if (conversation === position) messages.push({ role, content })
      }
      return { position, id, messages }
    })
  }
}

type StoredConversation = { position: number; id: string; source: string; model: string | null; language: string | null; created_at: string | null; metadata: string }

function toConversation(row: StoredConversation, messages: Message[]): Conversation {
  return { id: row.id, source: row.source, model: row.model, language: row.language, createdAt: row.created_at, messages, metadata: JSON.parse(row.metadata) as Record<string, unknown> }
}
