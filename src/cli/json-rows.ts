/** Input files of the engine verbs: JSON lines and whatever else holds rows, each an object, errors with file and line. */
import { readRows } from '../backend/imports/read-rows.ts'
import type { Row } from '../core/import/format.ts'
import { parseRow } from '../core/import/raw-rows.ts'
import { UsageError } from '../shared/errors.ts'

export type JsonRow = { file: string; line: number; value: Row }

/** @throws UsageError for a file that cannot be read and for the first row that is no JSON object. */
export async function* readJsonRows(file: string): AsyncGenerator<JsonRow> {
  const chunks = readRows(file)
  for (;;) {
    let next: Awaited<ReturnType<typeof chunks.next>>
    try {
      next = await chunks.next()
    } catch (error) {
      throw new UsageError(`expected a readable file of JSON lines, could not read ${file}: ${(error as Error).message}`)
    }
    if (next.done) return
    for (const raw of next.value.rows) {
      const parsed = parseRow(raw)
      if ('reason' in parsed) throw new UsageError(`${file} line ${raw.row}: ${parsed.reason.replace('expected JSON:', 'expected a JSON object, got text that is no JSON:')}`)
      yield { file, line: raw.row, value: parsed.row }
    }
  }
}

/** A value as errors show it. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
