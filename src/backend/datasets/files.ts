/** Datasets as files: reading one for a recipe or an evaluation, writing one for other tools. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readFeedbackRow, readPair, readPromptRow, toDriftRow, toTrlPair, toTrlPrompt, toTrlUnpaired } from '../../core/dataset-rows.ts'
import { describe, isRow, RowProblem, type Row } from '../../core/import/format.ts'
import { UsageError } from '../../shared/errors.ts'
import type { DatasetKind, FeedbackRow, Pair, PromptRow } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { readRows } from '../imports/read-rows.ts'
import { conversationId } from '../storage/conversations.ts'
import { eachDatasetRow, requireDataset, type RowOf } from '../storage/datasets.ts'
import type { ReadableDb } from '../storage/open.ts'
import { writeLines } from '../write-lines.ts'

/**
 * Reads a file as dataset rows of a kind: JSONL or a JSON array, plain or compressed. Unlike an import, one bad
 * row is an error: a run must not train on part of what was named.
 */
export async function readDatasetFile<Kind extends DatasetKind>(path: string, kind: Kind): Promise<RowOf[Kind][]> {
  const file = resolve(path)
  if (!existsSync(file)) throw new UsageError(`dataset: expected a dataset of the workspace or a file, found neither at ${file}`)
  const rows: RowOf[Kind][] = []
  const reader = READERS[kind] as (row: Row) => RowOf[Kind]
  for await (const part of readRows(file)) {
    for (const raw of part.rows) {
      try {
        if (raw.problem !== null) throw new RowProblem(raw.problem)
        const value: unknown = raw.value ?? JSON.parse(raw.text)
        if (!isRow(value)) throw new RowProblem(`expected a JSON object, got ${describe(value)}`)
        rows.push(reader(value))
      } catch (error) {
        if (!(error instanceof RowProblem) && !(error instanceof SyntaxError)) throw error
        throw new UsageError(`dataset file ${file}, row ${raw.row}: ${error.message}. Expected rows of kind ${kind}; drift import takes files with bad rows`)
      }
    }
  }
  if (rows.length === 0) throw new UsageError(`dataset file ${file}: expected rows, got none`)
  return rows
}

const READERS: { [Kind in DatasetKind]: (row: Row) => RowOf[Kind] } = {
  feedback: (row) => {
    const feedback = readFeedbackRow(row)
    return feedback.conversationId === '' ? { ...feedback, conversationId: conversationId([...feedback.prompt, { role: 'assistant', content: feedback.reply }]) } : feedback
  },
  preference: readPair,
  prompts: readPromptRow,
}

export type ExportFormat = 'trl-jsonl' | 'drift'

/** Writes a dataset to `path` (gzip where it ends in .gz), whole or not at all; returns how many rows the format could take. */
export async function exportDataset(db: ReadableDb, name: string, format: ExportFormat, path: string): Promise<{ path: string; rows: number }> {
  const dataset = requireDataset(db, name)
  if (format === 'drift' && dataset.kind !== 'feedback') throw new BackendError('bad-input', `export ${name}: format drift holds feedback, got a dataset of kind ${dataset.kind}. Use trl-jsonl`)
  let rows = 0
  function* lines(): Generator<string> {
    for (const row of eachDatasetRow(db, name)) {
      const out = format === 'drift' ? toDriftRow(row as FeedbackRow) : toTrl(dataset.kind, row)
      if (out === null) continue
      rows += 1
      yield `${JSON.stringify(out)}\n`
    }
  }
  const file = await writeLines(path, lines())
  return { path: file, rows }
}

function toTrl(kind: DatasetKind, row: FeedbackRow | Pair | PromptRow): Record<string, unknown> | null {
  if (kind === 'preference') return toTrlPair(row as Pair)
  return kind === 'feedback' ? toTrlUnpaired(row as FeedbackRow) : toTrlPrompt(row as PromptRow)
}
