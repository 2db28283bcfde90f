/** What an import of files would make of their first rows. */
import { statSync } from 'node:fs'
import { mappingProblem, suggestMapping } from '../../core/import/columns.ts'
import type { Row } from '../../core/import/format.ts'
import { parseRow } from '../../core/import/raw-rows.ts'
import type { ImportPreview, ImportReading } from '../../shared/contract.ts'
import { findFiles } from './find-files.ts'
import { readImport } from './read-conversations.ts'
import { readRows } from './read-rows.ts'

const SHOWN_CONVERSATIONS = 5
const SHOWN_PROBLEMS = 5
const SHOWN_MESSAGES = 6
const SHOWN_CHARACTERS = 300
/** Of the beginning of a file, so that a large one answers at once. */
const LOOKED_AT_ROWS = 200
/** Chunks of a file, a megabyte each: so that the largest row still fits in. */
const LOOKED_AT_CHUNKS = 70
/** Shards of one data set read alike. */
const TRIED_FILES = 3

/** Of the first file that gives conversations, else of the first. */
export async function previewImport(given: readonly string[], reading: ImportReading): Promise<ImportPreview> {
  const files = findFiles(given)
  const bytes = files.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
  let first: ImportPreview | null = null
  for (const path of files.slice(0, TRIED_FILES)) {
    const preview = { ...(await previewFile(path, reading)), files: files.length, bytes }
    if (preview.conversations.length > 0 || preview.labels > 0) return preview
    first ??= preview
  }
  if (first === null) throw new Error('preview: expected files, got none')
  return first
}

async function previewFile(path: string, reading: ImportReading): Promise<ImportPreview> {
  const columns = await firstColumns(path)
  const preview: ImportPreview = { files: 1, bytes: 0, file: path, format: null, columns, mapping: reading.mapping ?? suggestMapping(columns), conversations: [], labels: 0, problems: [] }
  // Half a mapping is on its way to a whole one.
  if (reading.mapping !== undefined && mappingProblem(reading.mapping) !== null) return preview
  let [looked, chunks] = [0, 0]
  for await (const { results } of readImport(path, reading)) {
    for (const result of results) {
      looked += 1
      if ('reason' in result) {
        if (preview.problems.length < SHOWN_PROBLEMS) preview.problems.push({ row: result.row, reason: result.reason, raw: cut(result.raw) })
        continue
      }
      if ('review' in result) {
        preview.format ??= result.format
        preview.labels += 1
        continue
      }
      const { draft: { model, language, createdAt, source, messages }, format } = result
      preview.format ??= format
      preview.conversations.push({ model, language, createdAt, source, turns: messages.length, messages: messages.slice(0, SHOWN_MESSAGES).map(({ role, content }) => ({ role, content: cut(content) })) })
      if (preview.conversations.length === SHOWN_CONVERSATIONS) return preview
    }
    chunks += 1
    if (looked >= LOOKED_AT_ROWS || chunks >= LOOKED_AT_CHUNKS) return preview
  }
  return preview
}

/** The names in the first row that is an object; none where the file cannot be read, which reading it again will say. */
async function firstColumns(path: string): Promise<string[]> {
  const columns: string[] = []
  // A columnar file says its names by itself: one column, a small one where there is one, tells whether it has rows.
  const columnsFor = (outline: Row): string[] => {
    columns.push(...Object.keys(outline))
    return [columns.find((name) => outline[name] === '') ?? columns[0] ?? '']
  }
  try {
    let chunks = 0
    for await (const { rows } of readRows(path, { columnsFor })) {
      for (const raw of rows) {
        const parsed = parseRow(raw)
        if ('row' in parsed) return columns.length > 0 ? columns : Object.keys(parsed.row)
      }
      chunks += 1
      if (chunks >= LOOKED_AT_CHUNKS) return []
    }
  } catch {
    // Told by the rows.
  }
  return []
}

const cut = (text: string): string => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text)
