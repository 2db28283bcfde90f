/**
 * What an import cannot be faster than: the same rows through prepared statements into SQLite with a full-text index,
 * no hash, no duplicates, no quarantine, no indexes but the keys. One JSON argument in, one JSON line out.
 * `source: lines` parses before the clock starts for a batch; `source: duckdb` is a DuckDB scan of the same columns,
 * with the clock running throughout, as our import of Parquet reads too.
 */
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'

export type InsertLoopOptions = { source: 'lines' | 'duckdb'; path: string; database: string }

type Row = { id: string; model: string; language: string; createdAt: string; messages: { role: string; content: string }[] }

const BATCH = 8000
const options = JSON.parse(process.argv[2] ?? '{}') as InsertLoopOptions
const db = new Database(options.database)
// The pragmas and the tokenizer of a workspace.
for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'temp_store = MEMORY', 'cache_size = -65536', 'wal_autocheckpoint = 8192']) db.pragma(pragma)
db.exec(`
  CREATE TABLE conversations (position INTEGER PRIMARY KEY, id TEXT NOT NULL, model TEXT, language TEXT, created_at TEXT, turns INTEGER NOT NULL);
  CREATE TABLE messages (id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, turn_index INTEGER NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL);
  CREATE VIRTUAL TABLE messages_fts USING fts5(content, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');
  INSERT INTO messages_fts(messages_fts, rank) VALUES ('hashsize', 67108864);
`)
const insertConversation = db.prepare('INSERT INTO conversations (id, model, language, created_at, turns) VALUES (?, ?, ?, ?, ?)')
const insertMessage = db.prepare('INSERT INTO messages (conversation, turn_index, role, content) VALUES (?, ?, ?, ?)')
const insertText = db.prepare('INSERT INTO messages_fts (rowid, content) VALUES (?, ?)')
const insertAll = db.transaction((rows: readonly Row[]) => {
  for (const { id, model, language, createdAt, messages } of rows) {
    const conversation = insertConversation.run(id, model, language, createdAt, messages.length).lastInsertRowid
    messages.forEach(({ role, content }, i) => insertText.run(insertMessage.run(conversation, i, role, content).lastInsertRowid, content))
  }
})

let conversations = 0
let seconds = 0
const insert = (rows: readonly Row[]): void => {
  const started = performance.now()
  insertAll(rows)
  seconds += (performance.now() - started) / 1000
  conversations += rows.length
}

const began = performance.now()
if (options.source === 'lines') {
  let batch: Row[] = []
  for await (const line of createInterface({ input: createReadStream(options.path) })) {
    const { id, model, language, created_at: createdAt, messages } = JSON.parse(line) as Omit<Row, 'createdAt'> & { created_at: string }
    if (batch.push({ id, model, language, createdAt, messages }) < BATCH) continue
    insert(batch)
    batch = []
  }
  insert(batch)
} else {
  // Lies in bench/node_modules where the bench has installed it, so its types are not at hand.
  const duckdb = (await import('@duckdb/node-api' as string)) as { DuckDBInstance: { create(): Promise<{ connect(): Promise<{ stream(sql: string): Promise<Scan> }> }> } }
  const connection = await (await duckdb.DuckDBInstance.create()).connect()
  const files = readdirSync(options.path).sort().map((name) => `'${join(options.path, name)}'`).join(', ')
  const scan = await connection.stream(`SELECT conversation_hash, model, language, CAST(timestamp AS VARCHAR) AS created_at, CAST(to_json(list_transform(conversation, m -> {'role': m.role, 'content': m.content})) AS VARCHAR) AS messages FROM read_parquet([${files}])`)
  for (let chunk = await scan.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await scan.fetchChunk()) {
    insert(chunk.getRows().map(([id = '', model = '', language = '', createdAt = '', messages = '[]']) => ({ id, model, language, createdAt, messages: JSON.parse(messages) as Row['messages'] })))
  }
  seconds = (performance.now() - began) / 1000
}
type Scan = { fetchChunk(): Promise<{ rowCount: number; getRows(): string[][] } | null> }
db.close()
console.log(JSON.stringify({ conversations, seconds }))
