import type { WritableDb } from '../open.ts'

/** What the contamination guard found in a snapshot; beside it, since rows never change and a later check may know more prompts. */
export function datasets(db: WritableDb): void {
  db.exec(`
    CREATE TABLE dataset_contamination (
      dataset INTEGER PRIMARY KEY REFERENCES datasets(id) ON DELETE CASCADE,
      stamp TEXT NOT NULL -- JSON of a ContaminationStamp
    ) STRICT;
  `)
}
