/** What `drift runs export` and `drift runs import` do. */
import { resolve } from 'node:path'
import { keepCurves } from '../backend/comparisons/step-curves.ts'
import { exportRun } from '../backend/export-run.ts'
import { importRuns } from '../backend/import-runs.ts'
import { withWorkspace } from './data-verbs.ts'
import type { ExportRunOptions, WorkspaceOptions } from './run-verbs.ts'

export function exportRunVerb(id: string, { workspace, format, output, json }: ExportRunOptions): Promise<void> {
  return withWorkspace(workspace, false, (opened) => {
    const written = exportRun(opened, { id, format, path: resolve(output) })
    console.log(json ? JSON.stringify(written) : `${written.rows} metric rows of ${id} in ${written.path}`)
  })
}

export function importRunsVerb(paths: readonly string[], { workspace, json }: WorkspaceOptions): Promise<void> {
  return withWorkspace(workspace, false, async (opened) => {
    const { runs, problems } = await importRuns(opened, paths)
    for (const { id } of runs) keepCurves(opened.db, opened.runs, id)
    for (const { file, where, reason } of problems) process.stderr.write(`drift: ${file}, ${where}: ${reason}\n`)
    if (json) console.log(JSON.stringify({ runs, problems }))
    else for (const run of runs) console.log(`${run.id.padEnd(32)} ${run.outcome.padEnd(10)} ${run.rows} metric rows from ${run.file}`)
  })
}
