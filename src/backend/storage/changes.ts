/** What other processes and threads did to the workspace since one last looked. */
import type { Push } from '../../shared/contract.ts'
import type { ReadableDb } from './open.ts'

export type Noun = Extract<Push, { type: 'workspace.changed' }>['nouns'][number]
type Marks = Partial<Record<Noun, unknown>>

/** Returns a function that names what another connection changed since its last call; it costs next to nothing while nothing changed. */
export function watchChanges(db: ReadableDb): () => Noun[] {
  let version = db.pragma('data_version', { simple: true })
  let marks = readMarks(db)
  return () => {
    const now = db.pragma('data_version', { simple: true })
    if (now === version) return []
    version = now
    const before = marks
    marks = readMarks(db)
    return (Object.keys(marks) as Noun[]).filter((noun) => marks[noun] !== before[noun])
  }
}

/** Cheap at any size: ends of tables, and the few rows of runs and imports. */
function readMarks(db: ReadableDb): Marks {
  const mark = (sql: string): unknown => db.prepare(sql).pluck().get()
  return {
    imports: mark("SELECT count(*) || ' ' || total(imported) || ' ' || total(quarantined) || ' ' || total(mended) || ' ' || total(seconds) || ' ' || (SELECT count(*) FROM quarantined_rows WHERE dismissed_at IS NOT NULL) FROM imports"),
    conversations: mark("SELECT (SELECT max(position) FROM conversations) || ' ' || count(*) || ' ' || count(rows) || ' ' || total(position) FROM deleted_conversations"),
    review: mark('SELECT max(id) FROM annotations'),
    datasets: mark('SELECT count(*) FROM datasets'),
    evaluations: mark("SELECT coalesce((SELECT group_concat(id || status || removed, ' ') FROM judged_evaluations), '') || ' ' || coalesce((SELECT group_concat(id || status || removed || seconds, ' ') FROM answer_sets), '')"),
    runs: mark("SELECT group_concat(id || status || round || notes, ' ') FROM runs"),
  }
}
