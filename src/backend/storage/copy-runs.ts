/**
 * A database of some runs alone, with what their rows need: datasets they name, the conversations those and their
 * samples come from, labels and signals of these, judged evaluations with every judge's replies. Which rows of a
 * table belong follows from its foreign keys, so that a table made by a later migration is copied right by itself.
 */
import { schemaVersion } from './migrate.ts'
import { openDatabase, type ReadableDb, type WritableDb } from './open.ts'
import { readRunFiles } from './runs.ts'

export type CopiedRuns = { schema: number; datasets: { name: string; kind: string; rows: number; hash: string }[]; conversations: number; /** Engines, versions and machines of the runs' stages. */ computedBy: string[] }

/** Of no use to a reader: work that was left half done, caches of files and weights, raw rows that were refused, one's own views. */
const LEFT_OUT = ['saved_views', 'conversation_changes', 'quarantined_rows', 'import_files', 'review_queues', 'review_queue_items', 'file_hashes', 'scored_chunks', 'kept_columns', 'text_vectors']

const OF_RUNS = 'SELECT value FROM json_each(@runs)'
const OF_DATASETS = 'SELECT id FROM source.datasets WHERE name IN (SELECT value FROM json_each(@datasets))'
const CONVERSATIONS = `id IN (SELECT conversation_id FROM source.dataset_rows WHERE dataset IN (${OF_DATASETS}) UNION SELECT conversation_id FROM source.run_samples WHERE run_id IN (${OF_RUNS}))`
/** What was deleted stays deleted: only that it was, and which dataset rows came from it, goes along. */
const EMPTIED = 'deleted_conversations.rows'
/** Rows of the tables that others hang on. */
const ROOTS: Partial<Record<string, string>> = {
  runs: `id IN (${OF_RUNS})`,
  races: `name IN (SELECT group_name FROM source.runs WHERE id IN (${OF_RUNS}))`,
  all_datasets: `id IN (${OF_DATASETS})`,
  conversations: CONVERSATIONS,
  deleted_conversations: `id IN (SELECT conversation_id FROM source.dataset_rows WHERE dataset IN (${OF_DATASETS}))`,
  imports: `id IN (SELECT import_id FROM source.conversations WHERE ${CONVERSATIONS})`,
}

export type Table = { name: string; columns: string[]; keys: { table: string; from: string; to: string }[] }

/** Writes `file`, which must not be there yet. @param db its workspace's. */
export function copyRuns(db: ReadableDb, ids: readonly string[], file: string): CopiedRuns {
  const target = openDatabase(file)
  try {
    target.pragma('synchronous = OFF')
    target.pragma('foreign_keys = OFF')
    target.prepare('ATTACH ? AS source').run(db.name)
    const named = { runs: JSON.stringify(ids), datasets: JSON.stringify(datasetsNamedBy(db, ids)) }
    target.transaction(() => copyTables(target, named))()
    target.exec('DETACH source')
    const broken = target.pragma('foreign_key_check') as { table: string }[]
    if (broken.length > 0) throw new Error(`copy of runs: rows of ${[...new Set(broken.map(({ table }) => table))].join(', ')} name rows that were not copied`)
    // One file, without a journal beside it.
    target.pragma('journal_mode = DELETE')
    return {
      schema: schemaVersion(target),
      datasets: target.prepare('SELECT name, kind, rows, hash FROM datasets ORDER BY name').all() as CopiedRuns['datasets'],
      conversations: target.prepare('SELECT count(*) FROM conversations').pluck().get() as number,
      computedBy: target.prepare('SELECT DISTINCT computed_by FROM run_stages ORDER BY 1').pluck().all() as string[],
    }
  } finally {
    target.close()
  }
}

function copyTables(target: WritableDb, named: { runs: string; datasets: string }): void {
  // What a trigger would write is copied like everything else.
  const triggers = target.prepare("SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'").all() as { name: string; sql: string }[]
  for (const { name } of triggers) target.exec(`DROP TRIGGER ${quote(name)}`)
  for (const table of inOrder(tablesOf(target))) {
    const own = ROOTS[table.name] ?? (table.keys.map(({ table: parent, from, to }) => `(${quote(from)} IS NULL OR ${quote(from)} IN (SELECT ${quote(to)} FROM main.${quote(parent)}))`).join(' AND ') || '1')
    const columns = table.columns.map(quote).join(', ')
    const values = table.columns.map((column) => (`${table.name}.${column}` === EMPTIED ? 'NULL' : quote(column))).join(', ')
    target.exec(`DELETE FROM main.${quote(table.name)}`)
    target.prepare(`INSERT INTO main.${quote(table.name)} (${columns}) SELECT ${values} FROM source.${quote(table.name)} WHERE ${own}`).run(usedBy(own, named))
  }
  const indexes = target.prepare("SELECT name FROM main.sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts5(%'").pluck().all() as string[]
  for (const name of indexes) target.exec(`INSERT INTO ${quote(name)}(${quote(name)}) VALUES ('rebuild')`)
  for (const { sql } of triggers) target.exec(sql)
}

/** Tables that hold more than caches and one's own views. */
export function tablesOf(db: ReadableDb): Table[] {
  const names = (db.pragma('main.table_list') as { schema: string; name: string; type: string }[]).filter(({ schema, name, type }) => schema === 'main' && type === 'table' && !name.startsWith('sqlite_') && !LEFT_OUT.includes(name)).map(({ name }) => name)
  return names.map((name) => ({
    name,
    columns: (db.pragma(`main.table_info(${quote(name)})`) as { name: string }[]).map((column) => column.name),
    keys: (db.pragma(`main.foreign_key_list(${quote(name)})`) as Table['keys']).filter(({ table }) => table !== name),
  }))
}

/** Parents before children. */
function inOrder(tables: readonly Table[]): Table[] {
  const ordered: Table[] = []
  const place = (table: Table): void => {
    if (ordered.includes(table)) return
    for (const { table: parent } of table.keys) {
      const found = tables.find(({ name }) => name === parent)
      if (found) place(found)
    }
    ordered.push(table)
  }
  tables.forEach(place)
  return ordered
}

/** Every text of the recipes that is a dataset's name. */
export function datasetsNamedBy(db: ReadableDb, ids: readonly string[]): string[] {
  const names = new Set(db.prepare('SELECT name FROM datasets').pluck().all() as string[])
  const found = new Set<string>()
  const walk = (value: unknown): void => {
    if (typeof value === 'string' && names.has(value)) found.add(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk)
  }
  for (const id of ids) walk(readRunFiles(db, id).recipe)
  return [...found]
}

/** better-sqlite3 takes only parameters that the statement names. */
const usedBy = (sql: string, named: { runs: string; datasets: string }): Record<string, string> => Object.fromEntries(Object.entries(named).filter(([name]) => sql.includes(`@${name}`)))
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
