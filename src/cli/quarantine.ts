/** What the verbs of the quarantine do. Results go to stdout, in words or with --json as one object. */
import { resolve } from 'node:path'
import { exportQuarantine } from '../backend/imports/mend-row.ts'
import { pageOfQuarantinedRows } from '../backend/storage/quarantine.ts'
import type { QuarantineFilter } from '../shared/contract.ts'
import { print, withWorkspace } from './data-verbs.ts'
import type { Output, Which } from './quarantine-verbs.ts'

const filterOf = ({ import: importId, file, dismissed }: Which): QuarantineFilter => ({ importId, file: file === undefined ? undefined : resolve(file), dismissed })

export async function runQuarantineList({ workspace, json, limit, ...which }: Output & Which & { limit: number }): Promise<void> {
  await withWorkspace(workspace, false, ({ db }) => {
    const { total, rows } = pageOfQuarantinedRows(db, { ...filterOf(which), offset: 0, limit })
    if (json) return print({ total, rows: rows.map(({ key, importId, file, row, reason, edited }) => ({ id: key, import: importId, file, row, reason, edited })) })
    for (const { file, row, reason } of rows) console.log(`${file} row ${row}: ${reason}`)
    console.log(`${total} ${total === 1 ? 'row' : 'rows'} set aside${total > rows.length ? `, ${rows.length} shown` : ''}`)
  })
}

export async function runQuarantineExport({ workspace, json, output, ...which }: Output & Which & { output: string }): Promise<void> {
  await withWorkspace(workspace, false, async ({ db }) => {
    const written = await exportQuarantine(db, { ...filterOf(which), path: output })
    if (json) return print(written)
    console.log(`${written.rows} ${written.rows === 1 ? 'row' : 'rows'} written: ${written.path}. Mend \`raw\` in it and import the file`)
    if (written.leftOut > 0) console.log(`${written.leftOut} left out, for no whole text of them is kept: mend these in their own file and import it again`)
  })
}
