import type { WritableDb } from '../open.ts'

/** What a race holds fast beside its file: the recipes as they were, and what its sweep chose. */
export function raceSweeps(db: WritableDb): void {
  db.exec(`
    ALTER TABLE races ADD COLUMN recipes TEXT; -- JSON: text of each recipe that a member names; NULL in races declared before this column
    CREATE TABLE race_sweeps (
      race TEXT PRIMARY KEY REFERENCES races(name),
      outcome TEXT NOT NULL -- JSON of Sweep, decided
    ) STRICT;
  `)
}
