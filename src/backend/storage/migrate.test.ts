import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../../tests/support/workspace.ts'
import { migrations } from './migrations/index.ts'
import { migrate, NewerSchemaError, schemaVersion } from './migrate.ts'
import type { WritableDb } from './open.ts'
import { readMetrics } from './run-stages.ts'

function aDatabase(): WritableDb {
  const db = new Database(':memory:') as unknown as WritableDb
  onTestFinished(() => void db.close())
  return db
}

test('a new database gets every migration', () => {
  const db = aDatabase()
  migrate(db, 'test')
  expect(schemaVersion(db)).toBe(migrations.length)
})

test('migrating twice changes nothing', () => {
  const db = aDatabase()
  migrate(db, 'test')
  const schema = db.prepare('SELECT sql FROM sqlite_schema ORDER BY rowid').all()
  migrate(db, 'test')
  expect(db.prepare('SELECT sql FROM sqlite_schema ORDER BY rowid').all()).toEqual(schema)
})

test('numbers rise by one', () => {
  expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, i) => i + 1))
  expect(() => migrate(aDatabase(), 'test', [{ number: 2, name: 'late', up: () => {} }])).toThrow('expected number 1, got 2')
})

test('a schema from the future is refused with both numbers, the place and what to do', () => {
  const db = aDatabase()
  db.pragma('user_version = 99')
  expect(() => migrate(db, '/data/workspace.db')).toThrow(NewerSchemaError)
  expect(() => migrate(db, '/data/workspace.db')).toThrow(/at most version \d+, got 99 in \/data\/workspace\.db.*update/)
  expect(schemaVersion(db)).toBe(99)
})

test('a failing migration leaves the database where it was', () => {
  const db = aDatabase()
  const list = [...migrations, { number: migrations.length + 1, name: 'broken', up: (to: WritableDb) => void to.exec('CREATE TABLE half (x); SELECT * FROM nowhere') }]
  expect(() => migrate(db, 'test', list)).toThrow('nowhere')
  expect(schemaVersion(db)).toBe(migrations.length)
  expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").pluck().get()).toBe(0)
})

test('rows written under version 1 are the same under the newest', () => {
  const db = aDatabase()
  migrate(db, 'test', migrations.slice(0, 1))
  db.exec(`
    INSERT INTO imports (id, files, format, created_at) VALUES ('i1', '["/a.jsonl"]', 'openai', '2026-01-01T00:00:00.000Z');
    INSERT INTO conversations (id, source, turns, characters, metadata, import_id, answered_turns) VALUES ('c1', 'log', 3, 12, '{"a":1}', 'i1', 1);
    INSERT INTO messages (conversation, turn_index, role, content) VALUES (1, 0, 'user', 'hi'), (1, 1, 'assistant', 'hello'), (1, 2, 'user', 'wrong');
    INSERT INTO messages_fts (rowid, content) SELECT id, content FROM messages;
    INSERT INTO signals VALUES (1, 2, 'rules', '1', 'dissatisfied', 0.9, '["factual error"]', 0, 5);
    INSERT INTO datasets (name, kind, hash, rows, created_at, recipe, statistics) VALUES ('d', 'prompts', 'h', 1, '2026-01-01T00:00:00.000Z', '{}', '[]');
    INSERT INTO dataset_rows VALUES (1, 0, '{"prompt":[]}', 'c1', NULL);
  `)
  const tables = ['imports', 'conversations', 'messages', 'signals', 'winning_signals', 'datasets', 'dataset_rows']
  const before = tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all())
  migrate(db, 'test')
  expect(tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all())).toMatchObject(before)
  expect(db.prepare("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'wrong'").pluck().all()).toEqual([3])
})

test('rows set aside under version 16 get a key and a kind, and those that were cut say so', () => {
  const db = aDatabase()
  migrate(db, 'test', migrations.slice(0, 16))
  db.exec("INSERT INTO imports (id, files, format, created_at) VALUES ('i1', '[]', 'openai', '')")
  const insert = db.prepare("INSERT INTO quarantined_rows (import_id, file, row, reason, raw) VALUES ('i1', '/a.jsonl', ?, ?, ?)")
  for (let row = 1; row <= 1200; row++) insert.run(row, `messages[${row}].content: expected text, got ${row}`, row === 7 ? `${'x'.repeat(20_000)}…` : '{"é":1}')
  migrate(db, 'test')
  expect(db.prepare('SELECT count(*) AS rows, count(DISTINCT key) AS keys, group_concat(DISTINCT kind) AS kinds FROM quarantined_rows').get()).toEqual({ rows: 1200, keys: 1200, kinds: 'messages[N].content: expected text' })
  expect(db.prepare('SELECT row, bytes FROM quarantined_rows WHERE row IN (6, 7)').all()).toEqual([{ row: 6, bytes: 8 }, { row: 7, bytes: null }])
})

test('steps of version 19 stay as they are, and have no times', () => {
  const db = aDatabase()
  migrate(db, 'test', migrations.slice(0, 19))
  db.exec("INSERT INTO runs (id, name, method, recipe, status, rounds, seed, base_model, engine, threads, yaml, settings, created_at) VALUES ('r', 'r', 'dpo', 'dpo', 'done', 0, 1, 'm', 'embedded', 1, '', '{}', ''); INSERT INTO run_metrics (run_id, stage, step, row, details) VALUES ('r', 'round-1/train', 1, '{\"loss\":0.5}', '{}')")
  migrate(db, 'test')
  expect(readMetrics(db, 'r', 0)).toEqual([{ stage: 'round-1/train', step: 1, loss: 0.5 }])
})

test('datasets of version 20 are whole, one that is being written is none of them, and rows belong to either', () => {
  const db = aDatabase()
  db.pragma('foreign_keys = ON')
  migrate(db, 'test', migrations.slice(0, 20))
  db.exec("INSERT INTO datasets VALUES (7, 'd', 'prompts', 'h', 1, 't', '{}', '[]'); INSERT INTO dataset_rows VALUES (7, 0, '{}', NULL, NULL); INSERT INTO dataset_contamination VALUES (7, '{}')")
  const before = db.prepare('SELECT * FROM datasets').all()
  migrate(db, 'test')
  db.exec("INSERT INTO all_datasets (name, kind, hash, rows, created_at, recipe, statistics, owner) VALUES ('', 'prompts', 'h', 1, '', '{}', '[]', '{}'); INSERT INTO dataset_rows VALUES (8, 0, '{}', NULL, NULL)")
  expect(db.prepare('SELECT * FROM datasets').all()).toEqual(before)
  expect(() => db.exec("INSERT INTO dataset_rows VALUES (9, 0, '{}', NULL, NULL)")).toThrow('FOREIGN KEY')
  db.exec('DELETE FROM all_datasets')
  expect(db.prepare('SELECT (SELECT count(*) FROM dataset_rows) + (SELECT count(*) FROM dataset_contamination)').pluck().get()).toBe(0)
})

test('dataset rows cannot be changed', () => {
  const db = aDatabase()
  migrate(db, join(aFolder(), 'x'))
  db.exec("INSERT INTO all_datasets (name, kind, hash, rows, created_at, recipe, statistics) VALUES ('d', 'prompts', 'h', 1, '', '{}', '[]'); INSERT INTO dataset_rows VALUES (1, 0, '{}', NULL, NULL)")
  expect(() => db.exec("UPDATE dataset_rows SET row = '[]'")).toThrow('immutable')
})
