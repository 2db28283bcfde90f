/** Saved views of the conversations page. */
import type { SavedView } from '../../shared/browse.ts'
import { UsageError } from '../../shared/errors.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export function listViews(db: ReadableDb): SavedView[] {
  return db.prepare('SELECT id, name, address FROM saved_views WHERE removed = 0 ORDER BY name COLLATE NOCASE').all() as SavedView[]
}

/** Keeps an address under a name; a view that has the name shows it from now on. */
export function saveView(db: WritableDb, name: string, address: string): SavedView {
  return db
    .prepare('INSERT INTO saved_views (name, address) VALUES (?, ?) ON CONFLICT (name) WHERE removed = 0 DO UPDATE SET address = excluded.address RETURNING id, name, address')
    .get(name, address) as SavedView
}

export function renameView(db: WritableDb, id: number, name: string): SavedView {
  refuseTaken(db, id, name)
  return changed(id, db.prepare('UPDATE saved_views SET name = ? WHERE id = ? RETURNING id, name, address').get(name, id))
}

/** Hides a view, or brings it back. */
export function removeView(db: WritableDb, id: number, removed: boolean): SavedView {
  const view = changed(id, db.prepare('SELECT id, name, address FROM saved_views WHERE id = ?').get(id))
  if (!removed) refuseTaken(db, id, view.name)
  db.prepare('UPDATE saved_views SET removed = ? WHERE id = ?').run(Number(removed), id)
  return view
}

function refuseTaken(db: ReadableDb, id: number, name: string): void {
  if (db.prepare('SELECT 1 FROM saved_views WHERE name = ? AND removed = 0 AND id <> ?').get(name, id) !== undefined) throw new UsageError(`saved views: expected a name of its own, got "${name}", which another view has. Choose another name`)
}

function changed(id: number, row: unknown): SavedView {
  if (row === undefined) throw new UsageError(`saved views: expected the id of a view, got ${id}`)
  return row as SavedView
}
