/**
 * Runs and their leases. A run is owned by the process that works on it; everything it writes goes through
 * `writeAsOwner`, which refuses once another process has taken the run over.
 */
import type { RunDetail } from '../../shared/contract.ts'
import { type Recipe, recipeSchema } from '../../shared/recipe.ts'
import type { Run, RunStatus } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { isOwnerAlive, type Owner } from '../jobs/owner.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Long enough for a suspended or overloaded machine, short enough to wait for. Renewed every second. */
export const LEASE_MS = 20_000

/** A lease held: writes under another attempt are refused. */
export type Lease = { runId: string; attempt: number }
export type Requested = 'pause' | 'cancel'

export type NewRun = {
  /** Made unique by a number behind it. */
  slug: string
  name: string
  method: string
  recipe: Recipe
  group: string | null
  rounds: number
  threads: number
  yaml: string
}

/** The run belongs to another process now; whoever gets this stops without writing. */
export class LeaseLost extends Error {
  override readonly name: string = 'LeaseLost'
}

/** Records a queued run that `owner` is going to work on. */
export function insertRun(db: WritableDb, run: NewRun, owner: Owner, now: number): { run: Run; lease: Lease } {
  const insert = db.transaction(() => {
    const id = freeRunId(db, run.slug)
    db.prepare(
      `INSERT INTO runs (id, name, method, recipe, group_name, status, rounds, seed, base_model, engine, threads, yaml, settings, created_at,
         owner_pid, owner_started, owner_machine, lease_until, attempt)
       VALUES (@id, @name, @method, @recipe, @group, 'queued', @rounds, @seed, @baseModel, @engine, @threads, @yaml, @settings, @createdAt,
         @pid, @started, @machine, @leaseUntil, 1)`,
    ).run({
      id, name: run.name, method: run.method, recipe: run.recipe.recipe, group: run.group, rounds: run.rounds, seed: run.recipe.seed, baseModel: run.recipe.model_name_or_path,
      engine: run.recipe.engine, threads: run.threads, yaml: run.yaml, settings: JSON.stringify(run.recipe), createdAt: new Date(now).toISOString(), ...owner, leaseUntil: now + LEASE_MS,
    })
    return { run: requireRun(db, id, now), lease: { runId: id, attempt: 1 } }
  })
  return insert.immediate()
}

/** The slug, with a number behind it where it is taken. */
export function freeRunId(db: ReadableDb, slug: string): string {
  const taken = db.prepare('SELECT 1 FROM runs WHERE id = ?')
  for (let number = 1; ; number++) {
    const id = number === 1 ? slug : `${slug}-${number}`
    if (taken.get(id) === undefined) return id
  }
}

/** Newest first. */
export function listRuns(db: ReadableDb, now = Date.now()): Run[] {
  return (db.prepare(`${SELECT_RUNS} ORDER BY position DESC`).all() as StoredRun[]).map((row) => toRun(row, now))
}

export function requireRun(db: ReadableDb, id: string, now = Date.now()): Run {
  return toRun(requireRow(db, id), now)
}

/** What the worker needs beside the run itself. Keys that came after the run was recorded have their defaults; an imported run has another trainer's settings for a recipe. */
export function readRunFiles(db: ReadableDb, id: string): { yaml: string; recipe: Recipe } {
  const row = requireRow(db, id)
  return { yaml: row.yaml, recipe: row.imported_from === null ? recipeSchema.parse(JSON.parse(row.settings)) : (JSON.parse(row.settings) as Recipe) }
}

export function setNotes(db: WritableDb, id: string, notes: string): Run {
  requireRow(db, id)
  db.prepare('UPDATE runs SET notes = ? WHERE id = ?').run(notes, id)
  return requireRun(db, id)
}

/**
 * Takes a run that nobody works on, as queued. Null where a living process has it.
 * Whatever an earlier owner was asked to do is forgotten.
 */
export function claimRun(db: WritableDb, id: string, owner: Owner, now: number): Lease | null {
  const claim = db.transaction((): Lease | null => {
    const row = requireRow(db, id)
    if (isOwnerAlive(ownerIn(row), row.lease_until, now)) return null
    db.prepare(
      `UPDATE runs SET status = 'queued', attempt = attempt + 1, owner_pid = @pid, owner_started = @started, owner_machine = @machine,
         lease_until = @leaseUntil, requested = NULL, error = NULL, ended_at = NULL WHERE id = @id`,
    ).run({ id, ...owner, leaseUntil: now + LEASE_MS })
    return { runId: id, attempt: row.attempt + 1 }
  })
  return claim.immediate()
}

/** What goes on with a run from here; the YAML it was started from stays as it is. */
export function changeEngine(db: WritableDb, id: string, { engine, device }: Pick<Recipe, 'engine' | 'device'>): void {
  db.prepare("UPDATE runs SET engine = @engine, settings = json_set(settings, '$.engine', @engine, '$.device', @device) WHERE id = @id").run({ id, engine, device })
}

/** Hands a queued run on to the process that will work on it. @throws LeaseLost */
export function startRunAs(db: WritableDb, lease: Lease, owner: Owner, now: number): void {
  writeAsOwner(db, lease, () => {
    db.prepare(
      `UPDATE runs SET status = 'running', started_at = coalesce(started_at, @time), owner_pid = @pid, owner_started = @started, owner_machine = @machine, lease_until = @leaseUntil WHERE id = @id`,
    ).run({ id: lease.runId, time: new Date(now).toISOString(), ...owner, leaseUntil: now + LEASE_MS })
  })
}

/** Renews the lease and tells what somebody has asked for since. @throws LeaseLost */
export function renewLease(db: WritableDb, lease: Lease, now: number): Requested | null {
  const row = db.prepare('UPDATE runs SET lease_until = ? WHERE id = ? AND attempt = ? RETURNING requested').get(now + LEASE_MS, lease.runId, lease.attempt) as { requested: Requested | null } | undefined
  if (row === undefined) throw lost(lease)
  return row.requested
}

/** Ends the owner's work on a run. @throws LeaseLost */
export function releaseRun(db: WritableDb, lease: Lease, end: { status: Exclude<RunStatus, 'queued' | 'running'>; error: string | null; modelPath?: string }, now: number): void {
  writeAsOwner(db, lease, () => {
    db.prepare(
      `UPDATE runs SET status = @status, error = @error, model_path = coalesce(@modelPath, model_path), ended_at = @endedAt, requested = NULL,
         owner_pid = NULL, owner_started = NULL, owner_machine = NULL, lease_until = 0 WHERE id = @id`,
    ).run({ id: lease.runId, status: end.status, error: end.error, modelPath: end.modelPath ?? null, endedAt: new Date(now).toISOString() })
  })
}

/**
 * Asks the owner, wherever it is, to pause or cancel. A run without a living owner gets the status at once;
 * one that has ended keeps its own.
 */
export function requestOfRun(db: WritableDb, id: string, requested: Requested, now: number): Run {
  const ask = db.transaction(() => {
    const row = requireRow(db, id)
    if (row.status === 'done' || row.status === 'cancelled') return
    if (isOwnerAlive(ownerIn(row), row.lease_until, now)) db.prepare('UPDATE runs SET requested = ? WHERE id = ?').run(requested, id)
    else {
      const status = requested === 'cancel' ? 'cancelled' : row.status === 'failed' ? 'failed' : 'paused'
      db.prepare('UPDATE runs SET status = ?, attempt = attempt + 1, ended_at = coalesce(ended_at, ?), owner_pid = NULL, lease_until = 0, requested = NULL WHERE id = ?').run(status, lastSeen(row), id)
    }
  })
  ask.immediate()
  return requireRun(db, id, now)
}

/** One transaction of the owner: checked and written together. @throws LeaseLost */
export function writeAsOwner<Result>(db: WritableDb, lease: Lease, write: () => Result): Result {
  const transaction = db.transaction(() => {
    if (db.prepare('SELECT 1 FROM runs WHERE id = ? AND attempt = ?').get(lease.runId, lease.attempt) === undefined) throw lost(lease)
    return write()
  })
  return transaction.immediate()
}

export function setProgress(db: WritableDb, id: string, progress: { round?: number; modelPath?: string }): void {
  db.prepare('UPDATE runs SET round = max(round, coalesce(?, round)), model_path = coalesce(?, model_path) WHERE id = ?').run(progress.round ?? null, progress.modelPath ?? null, id)
}

export function addLog(db: WritableDb, runId: string, level: 'info' | 'warning' | 'error', text: string, now = Date.now()): void {
  db.prepare('INSERT INTO run_log (run_id, time, level, text) VALUES (?, ?, ?, ?)').run(runId, new Date(now).toISOString(), level, text)
}

export function readLog(db: ReadableDb, runId: string): RunDetail['log'] {
  return db.prepare('SELECT time, level, text FROM run_log WHERE run_id = ? ORDER BY position').all(runId) as RunDetail['log']
}

/** The newest finished run of a method from a base; null where there is none. */
export function lastDoneRun(db: ReadableDb, method: string, baseModel: string): string | null {
  return (db.prepare("SELECT id FROM runs WHERE method = ? AND base_model = ? AND status = 'done' ORDER BY created_at DESC, id DESC LIMIT 1").pluck().get(method, baseModel) as string | undefined) ?? null
}

export function countRuns(db: ReadableDb): number {
  return db.prepare('SELECT count(*) FROM runs').pluck().get() as number
}

const SELECT_RUNS = 'SELECT *, (SELECT json_group_array(tag) FROM (SELECT tag FROM run_tags WHERE run_id = runs.id ORDER BY tag)) AS tags FROM runs'

type StoredRun = {
  id: string; name: string; method: string; recipe: string; group_name: string | null; status: RunStatus; round: number; rounds: number; seed: number
  base_model: string; model_path: string | null; engine: string; threads: number; yaml: string; settings: string
  created_at: string; started_at: string | null; ended_at: string | null; error: string | null; notes: string
  owner_pid: number | null; owner_started: string | null; owner_machine: string | null; lease_until: number; attempt: number; requested: Requested | null
  tags: string; pinned: number; archived: number; imported_from: string | null
}

/** Each call about a run begins with its row, a worker's every few steps. */
const rowStatements = new WeakMap<ReadableDb, ReturnType<ReadableDb['prepare']>>()

function requireRow(db: ReadableDb, id: string): StoredRun {
  const statement = rowStatements.get(db) ?? db.prepare(`${SELECT_RUNS} WHERE id = ?`)
  rowStatements.set(db, statement)
  const row = statement.get(id) as StoredRun | undefined
  if (row !== undefined) return row
  const ids = db.prepare('SELECT id FROM runs ORDER BY position DESC LIMIT 6').pluck().all() as string[]
  throw new BackendError('not-found', `run: expected a run of this workspace, got "${id}". ${ids.length === 0 ? 'There are none: start one with `drift run RECIPE.yaml`' : `The newest are: ${ids.join(', ')}`}`)
}

function ownerIn({ owner_pid, owner_started, owner_machine }: StoredRun): Owner | null {
  return owner_pid === null || owner_machine === null ? null : { pid: owner_pid, started: owner_started, machine: owner_machine }
}

/** When its owner last renewed the lease; null where it has none. */
const lastSeen = ({ lease_until }: StoredRun): string | null => (lease_until > 0 ? new Date(lease_until - LEASE_MS).toISOString() : null)

function toRun(row: StoredRun, now: number): Run {
  const isUnowned = (row.status === 'queued' || row.status === 'running') && !isOwnerAlive(ownerIn(row), row.lease_until, now)
  return {
    id: row.id, name: row.name, method: row.method, recipe: row.recipe, group: row.group_name, status: isUnowned ? 'interrupted' : row.status, round: row.round, rounds: row.rounds, seed: row.seed,
    baseModel: row.base_model, modelPath: row.model_path, engine: row.engine, threads: row.threads, createdAt: row.created_at, startedAt: row.started_at, endedAt: isUnowned ? lastSeen(row) : row.ended_at,
    error: isUnowned ? (row.error ?? 'The process that worked on it has ended. Resume it to continue where it was.') : row.error, notes: row.notes,
    tags: JSON.parse(row.tags) as string[], pinned: row.pinned === 1, archived: row.archived === 1, importedFrom: row.imported_from,
  }
}

function lost({ runId }: Lease): LeaseLost {
  return new LeaseLost(`run ${runId}: another process has taken it over`)
}
