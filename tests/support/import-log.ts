import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { importFiles } from '../../src/backend/imports/import-files.ts'
import type { Workspace } from '../../src/backend/storage/open.ts'

/** Imports conversations as a log file brings them; the file stays in the workspace. */
export function importLog({ path, db }: Workspace, rows: readonly object[]): ReturnType<typeof importFiles> {
  const file = join(path, 'log.jsonl')
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return importFiles(db, [file])
}
