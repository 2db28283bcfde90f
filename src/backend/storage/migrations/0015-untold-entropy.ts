import type { WritableDb } from '../open.ts'

/** A server that draws replies (vLLM) does not tell how its tokens were distributed. */
export function untoldEntropy(db: WritableDb): void {
  db.exec('ALTER TABLE run_evaluations ALTER COLUMN entropy DROP NOT NULL')
}
