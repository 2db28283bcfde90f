/** Rows of work that one process does at a time, and another can take over: judged evaluations, sets of answers. */
import { isOwnerAlive, thisOwner } from '../jobs/owner.ts'
import type { ReadableDb, WritableDb } from './open.ts'

type Table = 'judged_evaluations' | 'answer_sets'
export type OwnedRow = { status: 'running' | 'done' | 'failed' | 'cancelled'; owner_pid: number; owner_started: string | null; owner_machine: string }

/** An id that no row of the table has: letters, digits and dashes of the model's name, a number where it is taken. In the caller's transaction. */
export function freeId(db: ReadableDb, table: Table, benchmark: string, model: string, longest: number): string {
  const slug = `${benchmark}-${model.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').slice(0, longest) || 'model'}`
  const isTaken = db.prepare(`SELECT 1 FROM ${table} WHERE id = ?`)
  let id = slug
  for (let n = 2; isTaken.get(id) !== undefined; n++) id = `${slug}-${n}`
  return id
}

/** From now on this process works on it. */
export function ownRow(db: WritableDb, table: Table, id: string): void {
  const owner = thisOwner()
  db.prepare(`UPDATE ${table} SET status = 'running', error = NULL, owner_pid = ?, owner_started = ?, owner_machine = ? WHERE id = ?`).run(owner.pid, owner.started, owner.machine, id)
}

export function stopRow(db: WritableDb, table: Table, id: string, status: 'failed' | 'cancelled', error: string | null, now: string): void {
  db.prepare(`UPDATE ${table} SET status = ?, error = ?, ended_at = ? WHERE id = ?`).run(status, error, now, id)
}

/** Hidden ones keep their rows: taking a removal back is free. */
export function setRowRemoved(db: WritableDb, table: Table, id: string, removed: boolean): void {
  db.prepare(`UPDATE ${table} SET removed = ? WHERE id = ?`).run(Number(removed), id)
}

/** One whose process is gone is interrupted; nobody need write that. */
export const shownStatus = ({ status, ...owner }: OwnedRow): OwnedRow['status'] | 'interrupted' =>
  status !== 'running' || isOwnerAlive({ pid: owner.owner_pid, started: owner.owner_started, machine: owner.owner_machine }, Infinity, 0) ? status : 'interrupted'
