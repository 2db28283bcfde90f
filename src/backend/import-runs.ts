/** Runs from disk: metric files of other trainers, that can only be looked at, and runs of other workspaces, whole. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { readTrainerLog } from '../core/trainer-logs.ts'
import { UsageError } from '../shared/errors.ts'
import type { RunImport } from '../shared/run-table.ts'
import { slugOf } from './jobs/supervisor.ts'
import { putImportedRun } from './storage/imported-runs.ts'
import type { Workspace } from './storage/open.ts'
import { isWorkspace, takeRuns } from './take-runs.ts'

/** Reads each path; one that cannot be read is a problem beside the others. @throws UsageError where none can be read */
export async function importRuns(workspace: Workspace, paths: readonly string[]): Promise<RunImport> {
  const { db } = workspace
  const result: RunImport = { runs: [], problems: [] }
  for (const given of paths) {
    try {
      if (isWorkspace(resolve(given))) {
        const taken = await takeRuns(workspace, resolve(given))
        result.runs.push(...taken.runs)
        result.problems.push(...taken.problems)
        continue
      }
      const file = metricFileOf(resolve(given))
      const text = readFileSync(file, 'utf8')
      const log = readTrainerLog(text, file)
      result.problems.push(...log.problems.map((problem) => ({ file, ...problem })))
      if (log.rows.length === 0) throw new UsageError(`${file}: expected entries with a step, got none`)
      const name = nameOf(file)
      const put = putImportedRun(db, {
        file, log, name, slug: slugOf(name), hash: createHash('sha256').update(text).digest('hex'), endedAt: statSync(file).mtime.toISOString(),
        yaml: `# Imported from ${file}\n${Object.keys(log.settings).length > 0 ? stringify(log.settings) : ''}`,
      })
      result.runs.push({ ...put, name, file, rows: log.rows.length })
    } catch (error) {
      if (!(error instanceof UsageError) || paths.length === 1) throw error
      result.problems.push({ file: resolve(given), where: 'whole file', reason: error.message })
    }
  }
  if (result.runs.length === 0) throw new UsageError(result.problems.map(({ reason }) => reason).join('; '))
  return result
}

/** Of an output folder the trainer's own file, else that of its last checkpoint, else LLaMA-Factory's log. */
function metricFileOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new UsageError(`${path}: expected a metric file, a trainer's output folder or a workspace, got nothing there`)
  if (!found.isDirectory()) return path
  const checkpoints = readdirSync(path).filter((name) => /^checkpoint-\d+$/.test(name)).sort((a, b) => Number(b.slice(11)) - Number(a.slice(11)))
  const file = ['trainer_state.json', ...checkpoints.map((name) => join(name, 'trainer_state.json')), 'trainer_log.jsonl'].map((name) => join(path, name)).find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile())
  if (file === undefined) throw new UsageError(`${path}: expected trainer_state.json, checkpoint-N/trainer_state.json or trainer_log.jsonl in the folder, or workspace.db, found none`)
  return file
}

/** The output folder's, over checkpoints; an uploaded file has none of its own. */
function nameOf(file: string): string {
  const folder = dirname(file)
  const output = /^checkpoint-\d+$/.test(basename(folder)) ? dirname(folder) : folder
  return basename(dirname(output)) === 'uploads' ? basename(file).replace(/\.jsonl?$/, '') : basename(output) || basename(file)
}
