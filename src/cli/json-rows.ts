/** Input files of the engine verbs: JSON lines (also gzip, zstd), each row an object, errors with file and line. */
import { readRows } from '../backend/imports/read-rows.ts'
import { UsageError } from '../shared/errors.ts'

export type JsonRow = { file: string; line: number; value: Record<string, unknown> }

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
    for (const { row, text, problem } of next.value.rows) yield { file, line: row, value: parseRow(text, problem, `${file} line ${row}`) }
  }
}

function parseRow(text: string, problem: string | null, where: string): Record<string, unknown> {
  if (problem !== null) throw new UsageError(`${where}: ${problem}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${where}: expected a JSON object, got text that is no JSON (${(error as Error).message.split('\n')[0]})`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UsageError(`${where}: expected a JSON object, got ${describe(value)}`)
  return value as Record<string, unknown>
}

/** A value as errors show it. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
