/** Real folders and databases for tests, removed when the test that asked for them ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openDatabase, openWorkspace, type Workspace, type WritableDb } from '../../src/backend/storage/open.ts'

export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drift-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function anEmptyDatabase(): WritableDb {
  const db = openDatabase(':memory:')
  onTestFinished(() => void db.close())
  return db
}

export function anEmptyWorkspace(): Workspace {
  const workspace = openWorkspace(aFolder())
  onTestFinished(() => workspace.close())
  return workspace
}

/** A file of one JSON value per line; texts go in as they are. */
export function aJsonlFile(rows: readonly unknown[], name = 'log.jsonl'): string {
  const file = join(aFolder(), name)
  writeFileSync(file, rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''))
  return file
}

/** Alternating user and assistant messages, the user first. */
export function turns(...contents: string[]): { role: 'user' | 'assistant'; content: string }[] {
  return contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }))
}
