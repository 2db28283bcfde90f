import type { WritableDb } from '../open.ts'

/** What a step took of time and memory, beside its metrics: chance and machine decide it, so that it stands apart from what is compared. JSON under names that begin with `system/`; null where an earlier version or another trainer made the step. */
export function stepSystem(db: WritableDb): void {
  db.exec('ALTER TABLE run_metrics ADD COLUMN system TEXT')
}
