/** Runs of another workspace's database, row by row: what hangs on a run follows from the tables' foreign keys. */
import type { RunImport } from '../../shared/run-table.ts'
import { quote, type Table, tablesOf } from './copy-runs.ts'
import type { WritableDb } from './open.ts'

export type TakenRun = Pick<RunImport['runs'][number], 'id' | 'outcome' | 'rows'>

/** Not the run's but the people's who look at it here. */
const OWN_HERE = ['name', 'group_name', 'notes', 'pinned', 'archived']
const OWN_TABLES = ['run_tags']
/** Given anew in each database. */
const NUMBERED = 'position'

/**
 * A run that is here already is the same one (`takeRuns` sees to that), and is taken again where it has more there than
 * here. Nobody works on what was taken: where it was under way, it is interrupted here.
 * @param from the other database's file.
 */
export function takeRunRows(db: WritableDb, from: string, ids: readonly string[]): TakenRun[] {
  const tables = tablesOf(db)
  db.prepare('ATTACH ? AS taken').run(from)
  try {
    return db.transaction(() => ids.map((id) => takeRun(db, tables, id))).immediate()
  } finally {
    db.exec('DETACH taken')
  }
}

function takeRun(db: WritableDb, tables: readonly Table[], id: string): TakenRun {
  const size = (of: 'main' | 'taken'): number => db.prepare(`SELECT (SELECT count(*) FROM ${of}.run_metrics WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_samples WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_evaluations WHERE run_id = @id) + (SELECT count(*) FROM ${of}.run_stages WHERE run_id = @id AND status = 'done')`).pluck().get({ id }) as number
  const rows = (): number => db.prepare('SELECT count(*) FROM main.run_metrics WHERE run_id = ?').pluck().get(id) as number
  const isHere = db.prepare('SELECT 1 FROM main.runs WHERE id = ?').get(id) !== undefined
  if (isHere && size('taken') <= size('main')) return { id, outcome: 'unchanged', rows: rows() }
  const own = columnsOf(tables.find(({ name }) => name === 'runs')!).filter((column) => !isHere || !OWN_HERE.includes(column)).map(quote).join(', ')
  if (isHere) db.prepare(`UPDATE main.runs SET (${own}) = (SELECT ${own} FROM taken.runs WHERE id = @id) WHERE id = @id`).run({ id })
  else db.prepare(`INSERT INTO main.runs (${own}) SELECT ${own} FROM taken.runs WHERE id = ?`).run(id)
  db.prepare("UPDATE main.runs SET status = CASE WHEN status IN ('queued', 'running') THEN 'interrupted' ELSE status END, owner_pid = NULL, owner_started = NULL, owner_machine = NULL, lease_until = 0, requested = NULL WHERE id = ?").run(id)
  for (const table of tables) {
    const key = table.keys.find((to) => to.table === 'runs')
    if (key === undefined || (isHere && OWN_TABLES.includes(table.name))) continue
    const [name, columns, of] = [quote(table.name), columnsOf(table).map(quote).join(', '), quote(key.from)]
    db.prepare(`DELETE FROM main.${name} WHERE ${of} = ?`).run(id)
    db.prepare(`INSERT INTO main.${name} (${columns}) SELECT ${columns} FROM taken.${name} WHERE ${of} = ? ORDER BY ${table.columns.includes(NUMBERED) ? NUMBERED : '1'}`).run(id)
  }
  db.prepare('INSERT OR IGNORE INTO main.races SELECT * FROM taken.races WHERE name = (SELECT group_name FROM taken.runs WHERE id = ?)').run(id)
  db.prepare('INSERT OR IGNORE INTO main.race_sweeps SELECT * FROM taken.race_sweeps WHERE race IN (SELECT name FROM main.races)').run()
  return { id, outcome: isHere ? 'updated' : 'new', rows: rows() }
}

const columnsOf = ({ columns }: Table): string[] => columns.filter((name) => name !== NUMBERED)
