/** Datasets as files: reading one for a recipe or an evaluation. Writing one for other tools is in `export.ts`. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readFeedbackRow, readPair, readPromptRow } from '../../core/dataset-rows.ts'
import { RowProblem, type Row } from '../../core/import/format.ts'
import { parseRow } from '../../core/import/raw-rows.ts'
import { UsageError } from '../../shared/errors.ts'
import type { DatasetKind } from '../../shared/types.ts'
import { readRows } from '../imports/read-rows.ts'
import { conversationId } from '../storage/conversations.ts'
import type { RowOf } from '../storage/datasets.ts'

/**
 * Reads a file as dataset rows of a kind: JSONL or a JSON array, plain or compressed. Unlike an import, one bad
 * row is an error: a run must not train on part of what was named.
 */
export async function readDatasetFile<Kind extends DatasetKind>(path: string, kind: Kind): Promise<RowOf[Kind][]> {
  const file = resolve(path)
  if (!existsSync(file)) throw new UsageError(`dataset: expected a dataset of the workspace or a file, found neither at ${file}`)
  const rows = await readParsedRows(file, READERS[kind] as (row: Row) => RowOf[Kind], `dataset file ${file}`, `Expected rows of kind ${kind}; drift import takes files with bad rows`)
  if (rows.length === 0) throw new UsageError(`dataset file ${file}: expected rows, got none`)
  return rows
}

/** Every row of a file through a reader. @throws UsageError with place and reason at the first that is none. */
export async function readParsedRows<Output>(file: string, reader: (row: Row) => Output, what: string, advice: string): Promise<Output[]> {
  const rows: Output[] = []
  for await (const part of readRows(file)) {
    for (const raw of part.rows) {
      try {
        const parsed = parseRow(raw)
        if ('reason' in parsed) throw new RowProblem(parsed.reason)
        rows.push(reader(parsed.row))
      } catch (error) {
        if (!(error instanceof RowProblem)) throw error
        throw new UsageError(`${what}, row ${raw.row}: ${error.message}. ${advice}`)
      }
    }
  }
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
