import { kindOfReason } from '../../../core/import/set-aside.ts'
import type { WritableDb } from '../open.ts'
import { keyOfRow } from '../quarantine.ts'

/** What a row in quarantine is known by outside, how it is read again, and what was tried with it. */
export function quarantineMending(db: WritableDb): void {
  db.exec(`
    ALTER TABLE quarantined_rows ADD COLUMN key TEXT NOT NULL DEFAULT ''; -- hash of file, row and text: an exported copy is known by it
    ALTER TABLE quarantined_rows ADD COLUMN kind TEXT NOT NULL DEFAULT ''; -- the reason without what just this row held
    ALTER TABLE quarantined_rows ADD COLUMN header TEXT; -- line that names the cells, where the row is a table's record
    ALTER TABLE quarantined_rows ADD COLUMN bytes INTEGER; -- of the whole row; null: more than is kept, not known how many
    ALTER TABLE quarantined_rows ADD COLUMN mended TEXT; -- as it was tried last, without success
    ALTER TABLE quarantined_rows ADD COLUMN dismissed_at TEXT;
    ALTER TABLE imports ADD COLUMN mended INTEGER NOT NULL DEFAULT 0; -- of its rows in quarantine so many became conversations
    CREATE INDEX quarantined_rows_by_key ON quarantined_rows(key);
    CREATE INDEX quarantined_rows_dismissed ON quarantined_rows(id) WHERE dismissed_at IS NOT NULL;
  `)
  // Longer ones were cut, and end in a sign that says so.
  db.exec("UPDATE quarantined_rows SET bytes = CASE WHEN length(raw) > 20000 AND raw LIKE '%…' THEN NULL ELSE octet_length(raw) END")
  const page = db.prepare('SELECT id, file, row, reason, raw FROM quarantined_rows WHERE id > ? ORDER BY id LIMIT 500')
  const update = db.prepare('UPDATE quarantined_rows SET key = ?, kind = ? WHERE id = ?')
  for (let last = 0; ; ) {
    const rows = page.all(last) as { id: number; file: string; row: number; reason: string; raw: string }[]
    if (rows.length === 0) return
    for (const row of rows) update.run(keyOfRow(row), kindOfReason(row.reason), row.id)
    last = rows.at(-1)!.id
  }
}
