import type { WritableDb } from '../open.ts'

/** Datasets that are still being written, a batch of rows at a time: `datasets` shows those that are whole, and no query need remember it. */
export function datasetDrafts(db: WritableDb): void {
  db.exec(`
    ALTER TABLE datasets RENAME TO all_datasets;
    ALTER TABLE all_datasets ADD COLUMN owner TEXT; -- JSON of the process that still writes it, under a name that nobody gave; null once it is whole
    CREATE VIEW datasets AS SELECT id, name, kind, hash, rows, created_at, recipe, statistics FROM all_datasets WHERE owner IS NULL;
  `)
}
