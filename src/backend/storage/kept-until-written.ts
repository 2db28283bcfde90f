import type { ReadableDb } from './open.ts'

/** Computes a value anew only after something was written, by this connection or another one: counting a million rows takes tens of milliseconds, in which no other call is answered. */
export function keptUntilWritten<Value>(db: ReadableDb, compute: () => Value): () => Value {
  // Rises with each row that this connection writes; data_version tells of the other ones'.
  const written = db.prepare('SELECT total_changes()').pluck()
  let kept: { at: string; value: Value } | null = null
  return () => {
    const at = `${String(db.pragma('data_version', { simple: true }))} ${String(written.get())}`
    if (kept?.at !== at) kept = { at, value: compute() }
    return kept.value
  }
}
