import type { WritableDb } from '../open.ts'

/** Races: what was declared before their first run started. */
export function races(db: WritableDb): void {
  db.exec(`
    CREATE TABLE races (
      name TEXT PRIMARY KEY, -- group_name of its runs
      plan TEXT NOT NULL, -- JSON of RaceFile
      created_at TEXT NOT NULL
    ) STRICT;
  `)
}
