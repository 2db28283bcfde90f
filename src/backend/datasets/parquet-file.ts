/** Rows as a Parquet file with message lists as real lists of {role, content}: what `datasets` and TRL read unchanged. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileWriter, ParquetWriter } from 'hyparquet-writer'
import type { ColumnType, ExportedRow } from '../../core/export-rows.ts'
import { UsageError } from '../../shared/errors.ts'

type Columns = readonly (readonly [name: string, type: ColumnType])[]
type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number]
const ROWS_PER_GROUP = 10_000

/** Writes the file whole or not at all, a row group at a time. Returns how many rows it holds. */
export function writeParquet(file: string, columns: Columns, rows: Iterable<ExportedRow>): number {
  const draft = `${file}.${process.pid}.part`
  try {
    mkdirSync(dirname(file), { recursive: true })
    const parquet = new ParquetWriter({ writer: fileWriter(draft), schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaOf)], createdBy: 'DRIFT Workbench' })
    let written = 0
    let group: ExportedRow[] = []
    const flush = (): void => {
      // Parquet holds one row group at least, also of no rows.
      if (group.length === 0 && written > 0) return
      void parquet.write({ columnData: columns.map(([name, type]) => ({ name, data: group.map((row) => encoded(type, row[name])) })), rowGroupSize: ROWS_PER_GROUP })
      written += group.length
      group = []
    }
    for (const row of rows) if (group.push(row) === ROWS_PER_GROUP) flush()
    flush()
    void parquet.finish()
    renameSync(draft, file)
    return written
  } catch (error) {
    rmSync(draft, { force: true })
    if (error instanceof Error && 'path' in error) throw new UsageError(`${file} cannot be written: ${error.message}. Name another file`, { cause: error })
    throw error
  }
}

function schemaOf([name, type]: Columns[number]): SchemaElement[] {
  const leaf = (leafName: string): SchemaElement => ({ name: leafName, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' })
  if (type === 'integer') return [{ name, type: 'INT64', repetition_type: 'OPTIONAL' }]
  if (type === 'boolean') return [{ name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' }]
  if (type !== 'messages') return [leaf(name)]
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
    leaf('role'),
    leaf('content'),
  ]
}

function encoded(type: ColumnType, value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (type === 'integer') return BigInt(value as number)
  return type === 'json' ? JSON.stringify(value) : value
}
