/** A whole file as rows: JSON list or JSONL, or a table by its name; plain, gzip or zstd. One bad row is an error: half a file has other figures. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseCsv } from '../../core/evals/alpaca-files.ts'
import type { Row } from '../../core/import/format.ts'
import { parseRow } from '../../core/import/raw-rows.ts'
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
      for (const raw of part.rows) {
        const parsed = parseRow(raw)
        if ('reason' in parsed) throw new UsageError(`${file}, row ${raw.row}: ${parsed.reason}`)
        rows.push(parsed.row)
      }
    }
    return rows
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw new UsageError(`${file} cannot be read to its end: ${error.message}. Get it anew`, { cause: error })
    throw error
  }
}
