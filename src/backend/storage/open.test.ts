import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, anEmptyWorkspace } from '../../../tests/support/workspace.ts'
import { explainStorageError, openWorkspace, withLongLog } from './open.ts'

test('a workspace is a folder with its database and four folders', () => {
  const { path, db } = anEmptyWorkspace()
  for (const name of ['workspace.db', 'models', 'runs', 'exports', 'recipes']) expect(existsSync(join(path, name))).toBe(true)
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(db.pragma('synchronous', { simple: true })).toBe(2)
  expect(db.pragma('foreign_keys', { simple: true })).toBe(1)
})

test('several processes may make and open one workspace at once', async () => {
  const folder = join(aFolder(), 'shared')
  const script = `import { openWorkspace } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)}
    const { db, close } = openWorkspace(${JSON.stringify(folder)})
    for (let i = 0; i < 20; i++) db.prepare("INSERT INTO imports (id, files, format, created_at) VALUES (?, '[]', '', '')").run(process.pid + '-' + i)
    close()`
  await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])))
  const workspace = openWorkspace(folder, { create: false })
  onTestFinished(() => workspace.close())
  expect(workspace.db.prepare('SELECT count(*) FROM imports').pluck().get()).toBe(80)
})

test('a missing workspace is made only where asked for', () => {
  const folder = join(aFolder(), 'none')
  expect(() => openWorkspace(folder, { create: false })).toThrow(/expected workspace\.db in .*none, found none\. Make one/)
  expect(existsSync(folder)).toBe(false)
})

test('a file in place of the folder, a folder below a file and a database that is none are named', () => {
  const folder = aFolder()
  const file = join(folder, 'file')
  writeFileSync(file, 'text')
  expect(() => openWorkspace(file)).toThrow(/expected a folder, got a file/)
  expect(() => openWorkspace(join(file, 'below'))).toThrow(/part of the path is a file/)
  mkdirSync(join(folder, 'broken'))
  writeFileSync(join(folder, 'broken', 'workspace.db'), 'not a database, but long enough to be read as a header of one'.repeat(20))
  expect(() => openWorkspace(join(folder, 'broken'))).toThrow(/not a readable SQLite database/)
})

test.skipIf(process.getuid?.() === 0)('a folder that cannot be written is named', () => {
  const folder = aFolder()
  chmodSync(folder, 0o555)
  expect(() => openWorkspace(join(folder, 'w'))).toThrow(/cannot be written/)
})

test('a log that grew long is cut: after work that wanted it long, at once, and else when it is begun anew', async () => {
  const { db, path } = anEmptyWorkspace()
  const bytes = (): number => statSync(join(path, 'workspace.db-wal')).size
  const grow = db.transaction(() => {
    for (let i = 0; i < 10; i++) db.prepare("INSERT INTO imports (id, files, format, created_at) VALUES (?, '[]', '', ?)").run(randomUUID(), 'x'.repeat(5e6))
  })
  await withLongLog(db, () => {
    grow()
    expect(bytes()).toBeGreaterThan(5e7)
    return Promise.resolve()
  })
  expect(bytes()).toBe(0)

  const reader = openWorkspace(path).db
  onTestFinished(() => void reader.close())
  reader.exec('BEGIN; SELECT count(*) FROM imports')
  await withLongLog(db, () => Promise.resolve(grow()))
  expect(bytes()).toBeGreaterThan(5e7)
  reader.exec('COMMIT')
  for (let i = 0; i < 2; i++) {
    db.pragma('wal_checkpoint(PASSIVE)')
    db.exec("INSERT INTO saved_views (name, address, removed) VALUES ('v', '', 1)")
  }
  expect(bytes()).toBeLessThanOrEqual(8192 * 4096)
})

test('a full disk is an error that says so, and keeps what was written', () => {
  const { db, path } = anEmptyWorkspace()
  const insert = db.prepare("INSERT INTO imports (id, files, format, created_at) VALUES (?, ?, '', '')")
  insert.run('first', '[]')
  db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + 2}`)
  let caught: unknown
  try {
    for (let i = 0; i < 50; i++) insert.run(String(i), 'x'.repeat(10_000))
  } catch (error) {
    caught = explainStorageError(error, path)
  }
  expect(caught).toMatchObject({ exitCode: 2, message: expect.stringContaining('the disk is full') as string })
  expect(db.prepare("SELECT count(*) FROM imports WHERE id = 'first'").pluck().get()).toBe(1)
})
