import type { WritableDb } from '../open.ts'

/** Tripwires that tripped: each once a stage, so that a run that goes on is not stopped by the same again. */
export function tripwires(db: WritableDb): void {
  db.exec(`
    CREATE TABLE run_trips (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      stage TEXT NOT NULL,
      wire TEXT NOT NULL, -- JSON of the Tripwire
      step INTEGER NOT NULL, -- the optimizer's, or the round of a probe
      value REAL, -- NULL where it was no number
      time TEXT NOT NULL,
      PRIMARY KEY (run_id, stage, wire)
    ) STRICT, WITHOUT ROWID;
  `)
}
