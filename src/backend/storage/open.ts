/**
 * Opens a workspace: a folder with `workspace.db` and the folders that runs fill. Several processes may have one
 * open at once (WAL; writers wait for each other up to `BUSY_TIMEOUT_MS`).
 */
import { mkdirSync, existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import type { CapsuleInfo } from '../../shared/capsule.ts'
import { UsageError } from '../../shared/errors.ts'
import { readCapsuleInfo } from '../capsules/manifest.ts'
import { migrate } from './migrate.ts'

declare const readable: unique symbol
declare const writable: unique symbol
/** A database a function may only read. Branded: a signature tells whether it writes. */
export type ReadableDb = Database.Database & { readonly [readable]: true }
/** A database a function may write. */
export type WritableDb = ReadableDb & { readonly [writable]: true }

export type Workspace = {
  /** Absolute. */
  readonly path: string
  readonly db: WritableDb
  readonly models: string
  readonly runs: string
  readonly exports: string
  readonly recipes: string
  /** What the capsule says that was unpacked here; its database refuses to be written. */
  readonly capsule: CapsuleInfo | null
  close(): void
}

/** A write waits so long for another connection's to end. */
export const BUSY_TIMEOUT_MS = 20_000

/** Opens the workspace at `path`; makes folder and database when `create` is set (default) and they are missing. */
export function openWorkspace(path: string, options: { create?: boolean } = {}): Workspace {
  const root = resolve(path)
  const file = join(root, 'workspace.db')
  if (existsSync(root) && !statSync(root).isDirectory()) throw new UsageError(`workspace: expected a folder, got a file at ${root}. Name the folder that holds workspace.db.`)
  if (options.create === false && !existsSync(file)) throw new UsageError(`workspace: expected workspace.db in ${root}, found none. Make one with \`drift import FILE --workspace ${root}\` or \`drift demo --workspace ${root} --prepare\`.`)
  const folders = { models: join(root, 'models'), runs: join(root, 'runs'), exports: join(root, 'exports'), recipes: join(root, 'recipes') }
  try {
    for (const folder of [root, ...Object.values(folders)]) mkdirSync(folder, { recursive: true })
    const capsule = readCapsuleInfo(root)
    const db = openDatabase(file)
    if (capsule !== null) db.pragma('query_only = ON')
    return { path: root, db, ...folders, capsule, close: () => db.close() }
  } catch (error) {
    throw explainStorageError(error, root)
  }
}

/** Opens and migrates one database file; `:memory:` for tests. */
export function openDatabase(file: string): WritableDb {
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    enterWal(db)
    // FULL: a row that was reported as written survives a power cut, which resume relies on.
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    // What moves to another page leaves no copy where it was: nothing that is purged later would find that.
    db.pragma('secure_delete = FAST')
    db.pragma('temp_store = MEMORY')
    db.pragma('cache_size = -65536') // KiB
    setLog(db, USUAL_LOG)
    migrate(db as WritableDb, file)
    return db as WritableDb
  } catch (error) {
    db.close()
    throw error
  }
}

const PAGE_BYTES = 4096
const [USUAL_LOG, LONG_LOG] = [8192, 32_768] // pages

/** Pages leave the log for the database when it has so many; one that grew longer, while somebody read, is cut when it is begun anew. */
function setLog(db: Database.Database, pages: number): void {
  db.pragma(`wal_autocheckpoint = ${pages}`)
  db.pragma(`journal_size_limit = ${pages * PAGE_BYTES}`)
}

/** Runs what writes the same pages again and again: they leave the log for the database a quarter as often, and it grows to 128 MiB. It is cut in the end. */
export async function withLongLog<T>(db: WritableDb, run: () => Promise<T>): Promise<T> {
  setLog(db, LONG_LOG)
  try {
    return await run()
  } finally {
    setLog(db, USUAL_LOG)
    // Others write beside the first; the second has little left to do, and waits for nobody who still reads: then the next to begin the log anew cuts it.
    db.pragma('wal_checkpoint(PASSIVE)')
    db.pragma('busy_timeout = 0')
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }
}

/** Changing the journal mode takes a lock that does not wait: two processes making one workspace would collide. */
function enterWal(db: Database.Database): void {
  for (let attempt = 0; ; attempt++) {
    try {
      db.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (attempt === 100 || !(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('SQLITE_BUSY')) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    }
  }
}

const REASONS: readonly [RegExp, string][] = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)/, 'the disk is full. Free some space there and try again; what was written before is kept'],
  [/^(SQLITE_READONLY|SQLITE_PERM|EACCES|EPERM|EROFS)/, 'it cannot be written: an opened capsule can only be read, any other folder needs write permission. Name another one'],
  [/^SQLITE_CANTOPEN/, 'the database file cannot be opened. Check the path and its permissions'],
  [/^SQLITE_(NOTADB|CORRUPT)/, 'workspace.db is not a readable SQLite database. Restore it from a copy, or name another folder'],
  [/^SQLITE_BUSY/, 'another process has held its lock for too long. Close it or try again'],
  [/^SQLITE_IOERR/, 'reading or writing failed. Check the disk'],
  [/^(ENOTDIR|EEXIST)/, 'part of the path is a file, not a folder. Name another folder'],
]

/** A storage failure as one line that says where and what to do; other errors unchanged. */
export function explainStorageError(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const code = String(error.code)
  const reason = REASONS.find(([pattern]) => pattern.test(code))
  return reason === undefined ? error : new UsageError(`workspace ${where}: ${reason[1]} (${code}: ${error.message}).`, { cause: error })
}
