/** A whole file as rows: JSON list or JSONL, or CSV by its name; plain, gzip or zstd. One bad row is an error: half a file has other figures. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseCsv } from '../../core/evals/alpaca-files.ts'
import { describe, isRow, type Row } from '../../core/import/format.ts'
import { UsageError } from '../../shared/errors.ts'
import { readRows } from '../imports/read-rows.ts'

export async function readTable(path: string): Promise<Row[]> {
  const file = resolve(path)
  if (!existsSync(file)) throw new UsageError(`evaluation: expected a file, found none at ${file}`)
  try {
    if (/\.csv(\.gz)?$/.test(file)) {
      const bytes = await readFile(file)
      return parseCsv((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'), file)
    }
    const rows: Row[] = []
    for await (const part of readRows(file)) {
      for (const { row, text, problem } of part.rows) {
        if (problem !== null) throw new UsageError(`${file}, row ${row}: ${problem}`)
        rows.push(parseRow(text, `${file}, row ${row}`))
      }
    }
    return rows
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw new UsageError(`${file} cannot be read to its end: ${error.message}. Get it anew`, { cause: error })
    throw error
  }
}

function parseRow(text: string, at: string): Row {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${at}: expected JSON: ${(error as Error).message}`, { cause: error })
  }
  if (!isRow(value)) throw new UsageError(`${at}: expected a JSON object, got ${describe(value)}`)
  return value
}
