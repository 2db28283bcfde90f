import type { WritableDb } from '../open.ts'

/** The most that the process which computed a stage was seen to hold; like its seconds not the same when it is run again. */
export function peakMemory(db: WritableDb): void {
  db.exec('ALTER TABLE run_stages ADD COLUMN peak_memory_bytes INTEGER')
}
