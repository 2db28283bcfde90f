import type { WritableDb } from './open.ts'
import { migrations, type Migration } from './migrations/index.ts'

/**
 * Brings a database to the newest schema, each step in a transaction of its own. `PRAGMA user_version` is the
 * number of the last step taken. Several processes may call this at once: a step is decided under the write lock.
 */
export function migrate(db: WritableDb, where: string, list: readonly Migration[] = migrations): void {
  list.forEach((migration, i) => {
    if (migration.number !== i + 1) throw new Error(`migrations: expected number ${i + 1}, got ${migration.number} (${migration.name})`)
  })
  const found = schemaVersion(db)
  if (found > list.length) throw new NewerSchemaError(where, list.length, found)
  for (const migration of list.slice(found)) {
    const step = db.transaction(() => {
      if (schemaVersion(db) >= migration.number) return
      migration.up(db)
      db.pragma(`user_version = ${migration.number}`)
    })
    step.immediate()
  }
}

export function schemaVersion(db: WritableDb): number {
  return Number(db.pragma('user_version', { simple: true }))
}

export class NewerSchemaError extends Error {
  override readonly name: string = 'NewerSchemaError'
  readonly exitCode = 2
  constructor(where: string, expected: number, got: number) {
    super(`workspace schema: expected at most version ${expected}, got ${got} in ${where}. It was written by a newer DRIFT Workbench: update this one, or open another workspace.`)
  }
}
