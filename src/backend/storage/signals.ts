/** Signals: one row per turn and decider, and the winning one. Figures per conversation are kept beside them. */
import { UNSPECIFIED } from '../../core/rubric.ts'
import type { SignalSummary, SignalRow } from '../../shared/contract.ts'
import { DETECTORS } from '../../shared/datasets.ts'
import type { Decider, Signal, SignalLabel } from '../../shared/types.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** SQL of a signal's categories as they are counted and filtered (`countedCategories`), a JSON list. @param signal table or alias with `label` and `categories` */
export const countedCategoriesOf = (signal: string): string => `CASE WHEN ${signal}.categories = '[]' AND ${signal}.label = 'dissatisfied' THEN '["${UNSPECIFIED}"]' ELSE ${signal}.categories END`

export type SignalWrite = Omit<Signal, 'conversationId'> & { conversation: number }

/** Signals one behind the other, each as many values as `valuesOf` gives: a thread hands them over at a fraction of what objects cost. */
export type SignalValues = (string | number | null)[]
export const VALUES_PER_SIGNAL = 9
/** Which of them is the label. */
export const LABEL_AT = 4
export const valuesOf = ({ conversation, turnIndex, decider, deciderVersion, label, probability, categories, evidence }: SignalWrite): SignalValues => [conversation, turnIndex, decider, deciderVersion, label, probability, categories.length === 0 ? '[]' : JSON.stringify(categories), evidence?.start ?? null, evidence?.end ?? null]

/** Rows of one statement: a third less time than one row each. */
const ROWS = 32

/** Writes one decider's word on each turn, in place of what it said before, and renews the figures of their conversations; in the caller's transaction. */
export function writeSignals(db: WritableDb, signals: readonly SignalWrite[]): void {
  writeSignalValues(db, signals.flatMap(valuesOf))
}

/** As `writeSignals`. */
export function writeSignalValues(db: WritableDb, values: SignalValues): void {
  let written = 0
  for (const rows of [ROWS, 1]) {
    const width = rows * VALUES_PER_SIGNAL
    if (values.length - written < width) continue
    const upsert = db.prepare(
      `INSERT INTO signals (conversation, turn_index, decider, decider_version, label, probability, categories, evidence_start, evidence_end)
       VALUES ${Array<string>(rows).fill('(?, ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}
       ON CONFLICT (conversation, turn_index, decider) DO UPDATE SET decider_version = excluded.decider_version, label = excluded.label,
         probability = excluded.probability, categories = excluded.categories, evidence_start = excluded.evidence_start, evidence_end = excluded.evidence_end`,
    )
    for (; values.length - written >= width; written += width) upsert.run(values.slice(written, written + width))
  }
  const conversations = new Set<number>()
  for (let at = 0; at < values.length; at += VALUES_PER_SIGNAL) conversations.add(values[at] as number)
  if (conversations.size > 0) countSignals(db, conversations)
}

/** Renews the figures of the winning signals on the conversations named. */
function countSignals(db: WritableDb, conversations: Iterable<number>): void {
  const count = db.prepare('SELECT conversation, label, count(*) FROM winning_signals WHERE conversation BETWEEN ? AND ? GROUP BY conversation, label').raw()
  const update = db.prepare('UPDATE conversations SET dissatisfied_turns = ?, satisfied_turns = ?, neutral_turns = ? WHERE position = ?')
  for (const run of runsOfNeighbours(conversations)) {
    const counts = new Map(run.map((position) => [position, { dissatisfied: 0, satisfied: 0, neutral: 0 }]))
    for (const [conversation, label, number] of count.all(run[0], run.at(-1)) as [number, SignalLabel, number][]) {
      const own = counts.get(conversation)
      if (own !== undefined) own[label] = number
    }
    for (const [position, { dissatisfied, satisfied, neutral }] of counts) update.run(dissatisfied, satisfied, neutral, position)
  }
}

/** Positions as ascending runs with small gaps: one query a run instead of one a conversation. */
function runsOfNeighbours(positions: Iterable<number>): number[][] {
  const runs: number[][] = []
  for (const position of [...positions].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && position - last.at(-1)! <= LARGEST_GAP) last.push(position)
    else runs.push([position])
  }
  return runs
}
const LARGEST_GAP = 20

/** Takes a decider's word on a turn away and renews the conversation's figures; in the caller's transaction. */
export function deleteSignal(db: WritableDb, conversation: number, turnIndex: number, decider: Decider): void {
  db.prepare('DELETE FROM signals WHERE conversation = ? AND turn_index = ? AND decider = ?').run(conversation, turnIndex, decider)
  countSignals(db, [conversation])
}

type StoredSignal = {
  conversation_id: string; turn_index: number; decider: Decider; decider_version: string; label: SignalLabel
  probability: number; categories: string; evidence_start: number | null; evidence_end: number | null
}

function toSignal(row: StoredSignal): Signal {
  return {
    conversationId: row.conversation_id,
    turnIndex: row.turn_index,
    label: row.label,
    probability: row.probability,
    categories: JSON.parse(row.categories) as string[],
    evidence: row.evidence_start === null || row.evidence_end === null ? null : { start: row.evidence_start, end: row.evidence_end },
    decider: row.decider,
    deciderVersion: row.decider_version,
  }
}

const COLUMNS = 'c.id AS conversation_id, s.turn_index, s.decider, s.decider_version, s.label, s.probability, s.categories, s.evidence_start, s.evidence_end'

/** The winning signal of each judged turn of one conversation, in order. */
export function winningSignalsOf(db: ReadableDb, position: number): Signal[] {
  const rows = db.prepare(`SELECT ${COLUMNS} FROM winning_signals s JOIN conversations c ON c.position = s.conversation WHERE s.conversation = ? ORDER BY s.turn_index`).all(position) as StoredSignal[]
  return rows.map(toSignal)
}

/** What people, or the data as imported, say of a conversation's turns, by its position: what detectors say can be had again. */
export function givenLabels(db: ReadableDb): (position: number) => Pick<Signal, 'turnIndex' | 'label' | 'probability' | 'categories'>[] {
  const labels = db.prepare("SELECT turn_index, label, probability, categories FROM winning_signals WHERE conversation = ? AND decider IN ('human', 'imported') ORDER BY turn_index")
  return (position) => (labels.all(position) as Pick<StoredSignal, 'turn_index' | 'label' | 'probability' | 'categories'>[]).map(({ turn_index, categories, ...signal }) => ({ ...signal, turnIndex: turn_index, categories: JSON.parse(categories) as string[] }))
}

export function winningSignal(db: ReadableDb, position: number, turnIndex: number): Signal | null {
  return winningSignalsOf(db, position).find((signal) => signal.turnIndex === turnIndex) ?? null
}

/** The signal of the detector that wins on a turn, whatever people and the data say of it. */
export function detectorSignal(db: ReadableDb, position: number, turnIndex: number): Signal | null {
  const rows = db
    .prepare(`SELECT ${COLUMNS} FROM signals s JOIN conversations c ON c.position = s.conversation WHERE s.conversation = ? AND s.turn_index = ? AND s.decider NOT IN ('human', 'imported')`)
    .all(position, turnIndex) as StoredSignal[]
  return DETECTORS.map((name) => rows.find(({ decider }) => decider === name)).filter((row) => row !== undefined).map(toSignal)[0] ?? null
}

export function pageOfSignals(
  db: ReadableDb,
  filter: { label?: SignalLabel | undefined; category?: string | undefined; decider?: string | undefined; offset: number; limit: number },
): { total: number; rows: SignalRow[] } {
  const where = `(@label IS NULL OR s.label = @label) AND (@decider IS NULL OR s.decider = @decider)
    AND (@category IS NULL OR EXISTS (SELECT 1 FROM json_each(${countedCategoriesOf('s')}) WHERE value = @category))`
  const bound = { label: filter.label ?? null, category: filter.category ?? null, decider: filter.decider ?? null }
  const total = db.prepare(`SELECT count(*) FROM winning_signals s WHERE ${where}`).pluck().get(bound) as number
  const rows = db
    .prepare(
      `SELECT ${COLUMNS}, u.content AS user_text, r.content AS reply_text
       FROM (SELECT * FROM winning_signals s WHERE ${where} LIMIT @limit OFFSET @offset) s
       JOIN conversations c ON c.position = s.conversation
       JOIN messages u ON u.conversation = s.conversation AND u.turn_index = s.turn_index
       JOIN messages r ON r.conversation = s.conversation AND r.turn_index = s.turn_index - 1
       ORDER BY s.conversation, s.turn_index`,
    )
    .all({ ...bound, limit: filter.limit, offset: filter.offset }) as (StoredSignal & { user_text: string; reply_text: string })[]
  return { total, rows: rows.map((row) => ({ ...toSignal(row), userText: row.user_text, replyText: row.reply_text })) }
}

export function countAnsweredTurns(db: ReadableDb): number {
  return db.prepare('SELECT coalesce(sum(answered_turns), 0) FROM conversations').pluck().get() as number
}

const EXAMPLES = 3
const SHOWN_CATEGORIES = 30

export function summarizeSignals(db: ReadableDb): SignalSummary {
  const labels = db.prepare('SELECT label, count(*) AS count FROM winning_signals GROUP BY label ORDER BY count DESC, label').all() as SignalSummary['labels']
  const deciders = db
    .prepare('SELECT decider, decider_version AS version, count(*) AS count FROM signals GROUP BY decider, decider_version ORDER BY count DESC')
    .all() as SignalSummary['deciders']
  const counted = db
    .prepare(`SELECT value AS category, count(*) AS count FROM winning_signals w, json_each(${countedCategoriesOf('w')}) GROUP BY value ORDER BY count DESC, value LIMIT ?`)
    .all(SHOWN_CATEGORIES) as { category: string; count: number }[]
  const examples = db.prepare(
    `SELECT c.id AS conversationId, s.turn_index AS turnIndex, m.content AS text
     FROM (SELECT conversation, turn_index FROM winning_signals w WHERE EXISTS (SELECT 1 FROM json_each(${countedCategoriesOf('w')}) WHERE value = ?) LIMIT ${EXAMPLES}) s
     JOIN conversations c ON c.position = s.conversation JOIN messages m ON m.conversation = s.conversation AND m.turn_index = s.turn_index`,
  )
  return {
    answeredTurns: countAnsweredTurns(db),
    labels,
    deciders: mergeImportedVersions(deciders),
    categories: counted.map((row) => ({ ...row, examples: examples.all(row.category) as SignalSummary['categories'][number]['examples'] })),
  }
}

/** Imported labels carry the import's id as version; for the reader they are one decider. */
function mergeImportedVersions(deciders: SignalSummary['deciders']): SignalSummary['deciders'] {
  const imported = deciders.filter(({ decider }) => decider === 'imported')
  if (imported.length < 2) return deciders
  const count = imported.reduce((sum, row) => sum + row.count, 0)
  return [...deciders.filter(({ decider }) => decider !== 'imported'), { decider: 'imported', version: `${imported.length} imports`, count }].sort((a, b) => b.count - a.count)
}
