/** People's labels as a file: one row per turn, annotator and pass, with what the turn's labels come to. */
import { csvRow } from '../../core/csv.ts'
import { maskPersonalData } from '../../core/lint/personal-data.ts'
import { resolve } from '../../core/review.ts'
import type { ReadableDb } from '../storage/open.ts'
import { presentLabels, type LabelEntry } from '../storage/review.ts'
import { writeLines } from '../write-lines.ts'

/** Columns in order. `evidence` holds the words, its ends are UTF-16 offsets into the user's message. */
type LabelRow = {
  conversation_id: string
  turn_index: number
  annotator: string
  pass: string
  label: string
  categories: string[]
  evidence: string
  evidence_start: number | null
  evidence_end: number | null
  note: string
  suggestion: string
  seconds: number | null
  created_at: string
  resolution: string
  resolved_label: string | null
}

/** Writes everybody's present labels to `path`: CSV where it ends in .csv, JSONL otherwise, gzip with .gz after either. @param mask personal data in the marked words and in notes */
export async function exportLabels(db: ReadableDb, path: string, { mask }: { mask: boolean }): Promise<{ path: string; rows: number }> {
  const rows = labelRows(db, mask)
  const lines = /\.csv(\.gz)?$/i.test(path) ? csvLines(rows) : rows.map((row) => `${JSON.stringify(row)}\n`)
  return { path: await writeLines(path, lines), rows: rows.length }
}

function labelRows(db: ReadableDb, mask: boolean): LabelRow[] {
  const byTurn = Map.groupBy(presentLabels(db), ({ entry }) => `${entry.conversationId} ${entry.turnIndex}`)
  return [...byTurn.values()].flatMap((labels) => {
    const outcome = resolve(labels.map(({ entry }) => entry))!
    return labels.map(({ entry, userText }) => toRow(entry, userText, outcome, mask))
  })
}

function toRow(entry: LabelEntry, userText: string, outcome: NonNullable<ReturnType<typeof resolve<LabelEntry>>>, mask: boolean): LabelRow {
  const { conversationId, turnIndex, annotator, pass, label, categories, evidence, note, suggestion, seconds, createdAt } = entry
  return {
    conversation_id: conversationId,
    turn_index: turnIndex,
    annotator,
    pass,
    label,
    categories,
    evidence: evidence === null ? '' : mask ? maskPersonalData(userText, evidence) : userText.slice(evidence.start, evidence.end),
    evidence_start: evidence?.start ?? null,
    evidence_end: evidence?.end ?? null,
    note: mask ? maskPersonalData(note) : note,
    suggestion,
    seconds,
    created_at: createdAt,
    resolution: outcome.resolution,
    resolved_label: outcome.vote?.label ?? null,
  }
}

const COLUMNS: readonly (keyof LabelRow)[] = ['conversation_id', 'turn_index', 'annotator', 'pass', 'label', 'categories', 'evidence', 'evidence_start', 'evidence_end', 'note', 'suggestion', 'seconds', 'created_at', 'resolution', 'resolved_label']

/** Several categories are joined with `; `. */
function csvLines(rows: readonly LabelRow[]): string[] {
  const cells = rows.map((row) => ({ ...row, categories: row.categories.join('; ') }))
  return [csvRow(COLUMNS), ...cells.map((row) => csvRow(COLUMNS.map((column) => row[column])))]
}
