/** Runs of another workspace's database, row by row: what hangs on a run follows from the tables' foreign keys. */
import type { WritableDb } from './open.ts'

export type TakenRun = { id: string; outcome: 'new' | 'updated' | 'unchanged' | 'other'; /** Metric rows that it has now. */ rows: number }

/** Not the run's but the people's who look at it here. */
const OWN_HERE = ['name', 'group_name', 'notes', 'pinned', 'archived']
const OWN_TABLES = ['run_tags']
/** Given anew in each database. */
const NUMBERED = 'position'

/**
 * A run is the same where id and time of its making are; it is taken again where it has more there than here. Nobody works
 * on what was taken: where it was under way, it is interrupted here.
 * @param from the other database's file.
 */
export function takeRunRows(db: WritableDb, from: string, ids: readonly string[]): TakenRun[] {
  db.prepare('ATTACH ? AS taken').run(from)
  try {
    return db.transaction(() => ids.map((id) => takeRun(db, id))).immediate()
  } finally {
    db.exec('DETACH taken')
  }
}

function takeRun(db: WritableDb, id: string): TakenRun {
  const made = (of: 'main' | 'taken'): unknown => db.prepare(`SELECT created_at FROM ${of}.runs WHERE id = ?`).pluck().get(id)
  const size = (of: 'main' | 'taken'): number => db.prepare(`SELECT (SELECT count(*) FROM ${of}.run_metrics WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_samples WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_evaluations WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_stages WHERE run_id = @id AND status = 'done')`).pluck().get({ id }) as number
  const rows = (): number => db.prepare('SELECT count(*) FROM main.run_metrics WHERE run_id = ?').pluck().get(id) as number
  const here = made('main')
  if (here !== undefined && here !== made('taken')) return { id, outcome: 'other', rows: rows() }
  if (here !== undefined && size('taken') <= size('main')) return { id, outcome: 'unchanged', rows: rows() }
  const columns = columnsOf(db, 'runs').filter((column) => here === undefined || !OWN_HERE.includes(column))
  if (here === undefined) db.prepare(`INSERT INTO main.runs (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM taken.runs WHERE id = ?`).run(id)
  else db.prepare(`UPDATE main.runs SET (${columns.join(', ')}) = (SELECT ${columns.join(', ')} FROM taken.runs WHERE id = @id) WHERE id = @id`).run({ id })
  db.prepare("UPDATE main.runs SET status = CASE WHEN status IN ('queued', 'running') THEN 'interrupted' ELSE status END, owner_pid = NULL, owner_started = NULL, owner_machine = NULL, lease_until = 0, requested = NULL WHERE id = ?").run(id)
  for (const { table, key } of childrenOf(db)) {
    if (here !== undefined && OWN_TABLES.includes(table)) continue
    const names = columnsOf(db, table).join(', ')
    db.prepare(`DELETE FROM main.${table} WHERE ${key} = ?`).run(id)
    db.prepare(`INSERT INTO main.${table} (${names}) SELECT ${names} FROM taken.${table} WHERE ${key} = ? ORDER BY ${hasNumber(db, table) ? NUMBERED : '1'}`).run(id)
  }
  db.prepare('INSERT OR IGNORE INTO main.races SELECT * FROM taken.races WHERE name = (SELECT group_name FROM taken.runs WHERE id = ?)').run(id)
  db.prepare('INSERT OR IGNORE INTO main.race_sweeps SELECT * FROM taken.race_sweeps WHERE race IN (SELECT name FROM main.races)').run()
  return { id, outcome: here === undefined ? 'new' : 'updated', rows: rows() }
}

const allColumns = (db: WritableDb, table: string): string[] => (db.pragma(`main.table_info(${table})`) as { name: string }[]).map(({ name }) => name)
const columnsOf = (db: WritableDb, table: string): string[] => allColumns(db, table).filter((name) => name !== NUMBERED)
const hasNumber = (db: WritableDb, table: string): boolean => allColumns(db, table).includes(NUMBERED)

/** Tables whose rows belong to one run. */
function childrenOf(db: WritableDb): { table: string; key: string }[] {
  const tables = db.prepare("SELECT name FROM main.sqlite_master WHERE type = 'table'").pluck().all() as string[]
  return tables.flatMap((table) => (db.pragma(`main.foreign_key_list(${table})`) as { table: string; from: string }[]).filter((key) => key.table === 'runs').map(({ from }) => ({ table, key: from })))
}
