/** Takes runs over from another workspace, such as the one that a cluster's job worked in: rows, models and checkpoints. */
import { constants, existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { UsageError } from '../shared/errors.ts'
import type { RunImport } from '../shared/run-table.ts'
import type { Run } from '../shared/types.ts'
import { syncFolder } from '../engine/safetensors.ts'
import { folderOf } from './inspect/models.ts'
import { hashModel } from './lab/models.ts'
import { datasetsNamedBy } from './storage/copy-runs.ts'
import { getDataset } from './storage/datasets.ts'
import { openWorkspace, type Workspace } from './storage/open.ts'
import { listRuns } from './storage/runs.ts'
import { takeRunRows } from './storage/take-runs.ts'

export const isWorkspace = (folder: string): boolean => existsSync(join(folder, 'workspace.db'))

/** All runs of the folder that can go on here; why another cannot is a problem beside them. */
export async function takeRuns(workspace: Workspace, folder: string): Promise<RunImport> {
  const source = openWorkspace(folder, { create: false })
  try {
    if (source.path === workspace.path) throw new UsageError(`${folder}: expected another workspace, got this one`)
    const problems: RunImport['problems'] = []
    const all = listRuns(source.db).reverse()
    const fitting = all.filter((run) => {
      const reason = whatIsMissing(workspace, source, run)
      if (reason !== null) problems.push({ file: folder, where: `run ${run.id}`, reason })
      return reason === null
    })
    // Before the rows: a checkpoint may be older than what the rows tell, not younger.
    for (const { id, baseModel } of fitting) {
      await takeFolders(join(source.runs, id), join(workspace.runs, id))
      if (!isAbsolute(baseModel) && existsSync(folderOf(source, baseModel))) await takeFolder(folderOf(source, baseModel), folderOf(workspace, baseModel))
    }
    const taken = takeRunRows(workspace.db, source.db.name, fitting.map(({ id }) => id))
    return { runs: taken.map(({ id, outcome, rows }) => ({ id, name: fitting.find((run) => run.id === id)!.name, file: folder, rows, outcome })), problems }
  } finally {
    source.close()
  }
}

/** A run goes on with the same data from the same base; null where both are here, or can come along. */
function whatIsMissing(workspace: Workspace, source: Workspace, run: Run): string | null {
  const own = listRuns(workspace.db).find(({ id }) => id === run.id)
  if (own !== undefined && own.createdAt !== run.createdAt) return `expected no other run "${run.id}" here, got one made ${own.createdAt}; delete that one, or look at this one in its own workspace`
  if (own !== undefined && ['queued', 'running'].includes(own.status)) return `expected nobody to work on "${run.id}" here, got ${own.status}; pause it first`
  for (const name of datasetsNamedBy(source.db, [run.id])) {
    const [here, there] = [getDataset(workspace.db, name), getDataset(source.db, name)]
    if (here === null) return `expected its dataset "${name}" here, found none; a capsule brings a run's data along (drift capsule save)`
    if (here.hash !== there?.hash) return `expected dataset "${name}" with the hash ${there?.hash.slice(0, 12)}, got ${here.hash.slice(0, 12)}: other rows of the same name`
  }
  const [here, there] = [folderOf(workspace, run.baseModel), folderOf(source, run.baseModel)]
  const isHere = existsSync(join(here, 'config.json'))
  if (isHere && existsSync(join(there, 'config.json')) && hashModel(workspace.db, here) !== hashModel(source.db, there)) return `expected the base model ${run.baseModel} to be the one it was trained from, got other weights of the same name`
  return null
}

/** Models, adapters and checkpoints below `from` that are not below `to` yet, each whole or absent. */
async function takeFolders(from: string, to: string): Promise<void> {
  // What is half written has a dot before its name.
  const names = existsSync(from) ? (await readdir(from, { withFileTypes: true })).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name) : []
  for (const name of names) await takeFolder(join(from, name), join(to, name))
}

async function takeFolder(from: string, to: string): Promise<void> {
  if (!(await readdir(from, { withFileTypes: true })).some((entry) => entry.isFile())) return takeFolders(from, to)
  if (existsSync(to)) return
  const draft = join(dirname(to), `.${basename(to)}.take-${process.pid}`)
  await rm(draft, { recursive: true, force: true })
  await mkdir(dirname(draft), { recursive: true })
  try {
    await cp(from, draft, { recursive: true, mode: constants.COPYFILE_FICLONE })
    syncFolder(draft)
    await rename(draft, to)
    syncFolder(dirname(to))
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    // A run that goes on there lets old checkpoints go.
    if (existsSync(from)) throw error
  }
}
