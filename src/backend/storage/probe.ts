/** Does SQLite work here: opens a database in memory and finds a word through FTS5. */
import Database from 'better-sqlite3'

/** Returns SQLite's version; throws where the native module does not load or FTS5 is missing. */
export function probeSqlite(): string {
  const db = new Database(':memory:')
  try {
    db.exec("CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('drift learns from dissatisfaction')")
    const found = db.prepare("SELECT count(*) FROM words WHERE words MATCH 'dissatisfaction'").pluck().get()
    if (found !== 1) throw new Error(`expected FTS5 to find 1 row, got ${String(found)}`)
    return db.prepare('SELECT sqlite_version()').pluck().get() as string
  } finally {
    db.close()
  }
}
