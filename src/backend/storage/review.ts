/** Labels by people: an append-only log, what each annotator says now, and the 'human' signal that follows from it. */
import type { ImportedReview } from '../../core/import/review-labels.ts'
import { resolve, type Vote } from '../../core/review.ts'
import type { ParsedInput } from '../../shared/contract.ts'
import type { LogEntry, LogRow, Resolution, ReviewPass } from '../../shared/review.ts'
import type { SignalLabel } from '../../shared/types.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { findConversation, findReaction } from './conversations.ts'
import { deleteSignal, writeSignals } from './signals.ts'

export type NewEntry = Omit<LogEntry, 'id' | 'conversationId' | 'createdAt' | 'undoes' | 'undone' | 'action'> & { conversation: number; action: 'label' | 'skip' }

/** Writes an entry and the signal that follows, in one transaction: when this returns, both are on disk. */
export function appendEntry(db: WritableDb, entry: NewEntry, now: Date): { entry: LogEntry; resolution: Resolution | null } {
  const write = db.transaction(() => {
    const { conversation, turnIndex, annotator, pass, action, label, categories, evidence, note, suggestion, seconds } = entry
    const { lastInsertRowid } = db
      .prepare(
        `INSERT INTO annotations (conversation, turn_index, annotator, pass, action, label, categories, evidence_start, evidence_end, note, suggestion, seconds, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(conversation, turnIndex, annotator, pass, action, label, JSON.stringify(categories), evidence?.start ?? null, evidence?.end ?? null, note, suggestion, seconds, now.toISOString())
    return { entry: entryOf(db, Number(lastInsertRowid)), resolution: renewHumanSignal(db, conversation, turnIndex) }
  })
  return write.immediate()
}

/**
 * Takes an exported label up, at the time it was given; one that is there already, or that its annotator has changed since,
 * is no news. @returns why it cannot be taken up, or null
 */
export function appendImportedLabel(db: WritableDb, { conversationId, createdAt, ...said }: ImportedReview): string | null {
  const conversation = findConversation(db, conversationId)
  if (conversation === null) return `conversation_id: expected a conversation of this workspace, got "${conversationId.slice(0, 40)}". Import the conversations first`
  const text = findReaction(db, conversation, said.turnIndex)
  if (text === null) return `turn_index: expected the index of a user message that follows an assistant message, got ${said.turnIndex}`
  const { evidence } = said
  if (evidence !== null && (evidence.start > evidence.end || evidence.end > text.length)) return `evidence_end: expected at most the ${text.length} characters of the message, got ${evidence.start} to ${evidence.end}`
  const newest = db.prepare('SELECT max(created_at) FROM annotations WHERE conversation = ? AND turn_index = ? AND annotator = ? AND pass = ?').pluck().get(conversation, said.turnIndex, said.annotator, said.pass) as string | null
  if (newest === null || newest < createdAt) appendEntry(db, { ...said, conversation, action: 'label' }, new Date(createdAt))
  return null
}

/** Takes back the annotator's last entry of a pass, on one turn where told; returns it, or null where there is none left. */
export function undoLast(db: WritableDb, { annotator, pass, turn }: { annotator: string; pass: ReviewPass; turn?: { conversation: number; turnIndex: number } }, now: Date): LogEntry | null {
  const write = db.transaction(() => {
    const last = db
      .prepare(
        `SELECT id, conversation, turn_index FROM annotations a
         WHERE annotator = @annotator AND pass = @pass AND action <> 'undo' AND NOT EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id)
           AND (@conversation IS NULL OR (conversation = @conversation AND turn_index = @turnIndex))
         ORDER BY id DESC LIMIT 1`,
      )
      .get({ annotator, pass, conversation: turn?.conversation ?? null, turnIndex: turn?.turnIndex ?? null }) as { id: number; conversation: number; turn_index: number } | undefined
    if (last === undefined) return null
    db.prepare("INSERT INTO annotations (conversation, turn_index, annotator, pass, action, suggestion, created_at, undoes) VALUES (?, ?, ?, ?, 'undo', 'hidden', ?, ?)").run(last.conversation, last.turn_index, annotator, pass, now.toISOString(), last.id)
    renewHumanSignal(db, last.conversation, last.turn_index)
    return entryOf(db, last.id)
  })
  return write.immediate()
}

/** Brings the 'human' signal of a turn in line with the log, in the caller's transaction. */
function renewHumanSignal(db: WritableDb, conversation: number, turnIndex: number): Resolution | null {
  const resolved = resolve(labelsOfTurn(db, conversation, turnIndex))
  if (resolved?.vote) {
    const { label, categories, evidence } = resolved.vote
    writeSignals(db, [{ conversation, turnIndex, label, probability: label === 'dissatisfied' ? 1 : 0, categories, evidence, decider: 'human', deciderVersion: resolved.resolution }])
  } else deleteSignal(db, conversation, turnIndex, 'human')
  return resolved?.resolution ?? null
}

export type LabelEntry = LogEntry & { label: SignalLabel }
const isLabel = (entry: LogEntry): entry is LabelEntry => entry.label !== null

const ENTRY = `a.id, c.id AS conversation_id, a.turn_index, a.annotator, a.pass, a.action, a.label, a.categories, a.evidence_start, a.evidence_end,
  a.note, a.suggestion, a.seconds, a.created_at, a.undoes, EXISTS (SELECT 1 FROM annotations u WHERE u.undoes = a.id) AS undone`

type StoredEntry = {
  id: number; conversation_id: string; turn_index: number; annotator: string; pass: ReviewPass; action: LogEntry['action']; label: SignalLabel | null; categories: string
  evidence_start: number | null; evidence_end: number | null; note: string; suggestion: LogEntry['suggestion']; seconds: number | null; created_at: string; undoes: number | null; undone: number
}

function toEntry(row: StoredEntry): LogEntry {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    turnIndex: row.turn_index,
    annotator: row.annotator,
    pass: row.pass,
    action: row.action,
    label: row.label,
    categories: JSON.parse(row.categories) as string[],
    evidence: row.evidence_start === null || row.evidence_end === null ? null : { start: row.evidence_start, end: row.evidence_end },
    note: row.note,
    suggestion: row.suggestion,
    seconds: row.seconds,
    createdAt: row.created_at,
    undoes: row.undoes,
    undone: row.undone === 1,
  }
}

function entryOf(db: ReadableDb, id: number): LogEntry {
  return toEntry(db.prepare(`SELECT ${ENTRY} FROM annotations a JOIN conversations c ON c.position = a.conversation WHERE a.id = ?`).get(id) as StoredEntry)
}

/** What every annotator says of a turn now, in the order in which they said it. */
export function labelsOfTurn(db: ReadableDb, conversation: number, turnIndex: number): LabelEntry[] {
  const rows = db
    .prepare(`SELECT ${ENTRY} FROM current_annotations a JOIN conversations c ON c.position = a.conversation WHERE a.conversation = ? AND a.turn_index = ? AND a.action = 'label' ORDER BY a.id`)
    .all(conversation, turnIndex) as StoredEntry[]
  return rows.map(toEntry).filter(isLabel)
}

export type LabelledTurn = { conversation: number; turnIndex: number; votes: Vote[] }

/** Every turn that carries a label by a person, with all present labels. */
export function labelledTurns(db: ReadableDb): LabelledTurn[] {
  const rows = db.prepare("SELECT conversation, turn_index, id, annotator, pass, label FROM current_annotations WHERE action = 'label' ORDER BY conversation, turn_index, id").all() as (Vote & { conversation: number; turn_index: number })[]
  const turns: LabelledTurn[] = []
  for (const { conversation, turn_index: turnIndex, ...vote } of rows) {
    const last = turns.at(-1)
    if (last?.conversation === conversation && last.turnIndex === turnIndex) last.votes.push(vote)
    else turns.push({ conversation, turnIndex, votes: [vote] })
  }
  return turns
}

/** Every present label with its turn's text, for an export. */
export function presentLabels(db: ReadableDb): { entry: LabelEntry; userText: string }[] {
  const rows = db
    .prepare(
      `SELECT ${ENTRY}, m.content AS user_text FROM current_annotations a JOIN conversations c ON c.position = a.conversation
       JOIN messages m ON m.conversation = a.conversation AND m.turn_index = a.turn_index
       WHERE a.action = 'label' ORDER BY a.conversation, a.turn_index, a.id`,
    )
    .all() as (StoredEntry & { user_text: string })[]
  return rows.flatMap((row) => {
    const entry = toEntry(row)
    return isLabel(entry) ? [{ entry, userText: row.user_text }] : []
  })
}

const SHOWN_CHARACTERS = 300

/** The log, newest first. */
export function pageOfLog(db: ReadableDb, filter: ParsedInput<'review.log'>): { total: number; rows: LogRow[] } {
  const where = '(@annotator IS NULL OR a.annotator = @annotator) AND (@pass IS NULL OR a.pass = @pass) AND (@action IS NULL OR a.action = @action)'
  const bound = { annotator: filter.annotator ?? null, pass: filter.pass ?? null, action: filter.action ?? null }
  const total = db.prepare(`SELECT count(*) FROM annotations a WHERE ${where}`).pluck().get(bound) as number
  const rows = db
    .prepare(
      `SELECT ${ENTRY}, substr(m.content, 1, ${SHOWN_CHARACTERS}) AS user_text FROM annotations a JOIN conversations c ON c.position = a.conversation
       JOIN messages m ON m.conversation = a.conversation AND m.turn_index = a.turn_index
       WHERE ${where} ORDER BY a.id DESC LIMIT @limit OFFSET @offset`,
    )
    .all({ ...bound, limit: filter.limit, offset: filter.offset }) as (StoredEntry & { user_text: string })[]
  return { total, rows: rows.map((row) => ({ ...toEntry(row), userText: row.user_text })) }
}

/** Labels a minute over the annotator's last ones, from the time each took; null before the first. */
export function pace(db: ReadableDb, annotator: string, last = 20): number | null {
  const { n, seconds } = db
    .prepare("SELECT count(*) AS n, total(seconds) AS seconds FROM (SELECT seconds FROM annotations WHERE annotator = ? AND action = 'label' AND seconds IS NOT NULL ORDER BY id DESC LIMIT ?)")
    .get(annotator, last) as { n: number; seconds: number }
  return n === 0 || seconds === 0 ? null : (60 * n) / seconds
}

/** The workspace's text on how to label; null until somebody wrote one. */
export function readGuidelines(db: ReadableDb): string | null {
  return (db.prepare('SELECT text FROM review_guidelines').pluck().get() as string | undefined) ?? null
}

export function writeGuidelines(db: WritableDb, text: string): void {
  db.prepare('INSERT INTO review_guidelines (id, text) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text').run(text)
}
