/**
 * Writes runs with everything they need into one `.drift` file: a zip of `capsule.json` (what is in it, with hashes, and the rubric),
 * `workspace.db` (these runs' metrics, samples, evaluations, datasets, judge replies), their recipes, the offline
 * report and, where asked for, the models.
 */
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'
import type { ReportParts } from '../../core/report.ts'
import type { SavedCapsule } from '../../shared/capsule.ts'
import { sweepGroup } from '../../shared/race.ts'
import type { Run } from '../../shared/types.ts'
import { writeReport } from '../api/comparisons.ts'
import { BackendError } from '../errors.ts'
import { hashFile } from '../hash-file.ts'
import { folderOf } from '../inspect/models.ts'
import { readJudgeSettings } from '../judge/judge-settings.ts'
import { hashModel } from '../lab/models.ts'
import { runIdsOfGroup } from '../storage/comparisons.ts'
import { copyRuns } from '../storage/copy-runs.ts'
import type { Workspace } from '../storage/open.ts'
import { listRuns, readRunFiles } from '../storage/runs.ts'
import { CAPSULE_VERSION, COMMENT, DATABASE, fingerprintOf, MANIFEST, type Manifest } from './manifest.ts'

export type SaveCapsule = { /** Ids of runs and names of groups. */ of: readonly string[]; output: string; withModels: boolean }

/** @param partsOf makes the long parts of the report elsewhere; without it that is done here, and takes seconds. @throws BackendError where nothing is named so, or the file cannot be written. */
export async function saveCapsule(workspace: Workspace, { of, output, withModels }: SaveCapsule, version: string, partsOf?: (ids: string[]) => Promise<ReportParts>): Promise<SavedCapsule> {
  const runs = requireRuns(workspace, of)
  const file = resolve(output)
  mkdirSync(dirname(file), { recursive: true })
  const draft = mkdtempSync(join(dirname(file), '.drift-capsule-'))
  const part = `${file}.${process.pid}.part`
  try {
    const ids = runs.map(({ id }) => id)
    const copied = copyRuns(workspace.db, ids, join(draft, DATABASE))
    const files = [{ path: DATABASE, from: join(draft, DATABASE) }]
    mkdirSync(join(draft, 'recipes'))
    for (const id of ids) {
      const from = join(draft, 'recipes', `${id}.yaml`)
      writeFileSync(from, readRunFiles(workspace.db, id).yaml)
      files.push({ path: `recipes/${id}.yaml`, from })
    }
    const report = await reportOf(workspace, of, ids, version, partsOf)
    if (report !== null) files.push({ path: `exports/${basename(report)}`, from: report })
    const models = modelsOf(workspace, runs, withModels)
    for (const { path, included } of models) if (included) files.push(...filesBelow(workspace.path, path))

    const entries: Manifest['entries'] = []
    for (const { path, from } of files) entries.push({ path, bytes: statSync(from).size, sha256: await hashFile(from) })
    const manifest: Manifest = {
      format: 'drift-capsule', version: CAPSULE_VERSION, title: of.join(', '), createdAt: new Date().toISOString(), schema: copied.schema,
      versions: { app: version, node: process.versions.node, computedBy: copied.computedBy, platform: `${process.platform} ${process.arch}`, machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}` },
      runs: runs.map(({ id, name, method, seed, status, group }) => ({ id, name, method, seed, status, group })),
      datasets: copied.datasets, models, rubric: readJudgeSettings(workspace.path).rubric, entries,
    }
    const bytes = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`)
    const fingerprint = fingerprintOf(bytes)
    const zip = new ZipFile()
    zip.addBuffer(bytes, MANIFEST)
    // Weights are noise to a compressor.
    for (const { path, from } of files) zip.addFile(from, path, { compress: !path.endsWith('.safetensors'), mode: 0o100644 })
    zip.end({ comment: `${COMMENT}${fingerprint}`, forceZip64Format: false })
    const packed = zip.outputStream as Readable
    zip.on('error', (error: Error) => packed.destroy(error))
    await pipeline(packed, createWriteStream(part))
    renameSync(part, file)
    return { path: file, bytes: statSync(file).size, fingerprint, runs: runs.length, datasets: copied.datasets.length, conversations: copied.conversations, models: models.filter(({ included }) => included).length, report: report !== null }
  } finally {
    rmSync(part, { force: true })
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Runs by id, groups by name, each run once, in the order of the workspace. */
function requireRuns({ db }: Workspace, of: readonly string[]): Run[] {
  const all = listRuns(db).reverse()
  const wanted = new Set<string>()
  for (const name of of) {
    // A race comes with the sweep that chose its settings.
    const ids = all.some(({ id }) => id === name) ? [name] : [name, sweepGroup(name)].flatMap((group) => runIdsOfGroup(db, group))
    if (ids.length === 0) throw new BackendError('not-found', `capsule: expected ids of runs or names of groups, got "${name}", which is neither. \`drift runs\` lists what there is`)
    for (const id of ids) wanted.add(id)
  }
  if (wanted.size === 0) throw new BackendError('bad-input', 'capsule: expected at least one run or group to save, got none')
  return all.filter(({ id }) => wanted.has(id))
}

/** Null where the runs have nothing to compare, which is no reason not to keep them. */
async function reportOf(workspace: Workspace, of: readonly string[], ids: string[], version: string, partsOf?: (ids: string[]) => Promise<ReportParts>): Promise<string | null> {
  try {
    const [group] = of
    const isGroup = of.length === 1 && group !== undefined && !ids.includes(group)
    const compared = isGroup ? runIdsOfGroup(workspace.db, group) : ids
    return writeReport(workspace, isGroup ? { group } : { runs: ids }, version, await partsOf?.(compared))
  } catch (error) {
    if (error instanceof BackendError && error.code === 'bad-input') return null
    throw error
  }
}

/** Bases and what the runs trained from them, by hash whether or not their files come along. */
function modelsOf(workspace: Workspace, runs: readonly Run[], withModels: boolean): Manifest['models'] {
  const trained = runs.flatMap(({ id }) => {
    const folder = join(workspace.runs, id, 'models')
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')).sort().map((name) => `runs/${id}/models/${name}`) : []
  })
  return [...new Set([...runs.map(({ baseModel }) => baseModel), ...trained])].map((path) => {
    const folder = folderOf(workspace, path)
    const isHere = existsSync(join(folder, 'config.json'))
    return { path, hash: isHere ? hashModel(workspace.db, folder) : null, included: withModels && isHere && resolve(folder).startsWith(workspace.path + sep) }
  })
}

function filesBelow(root: string, path: string): { path: string; from: string }[] {
  return readdirSync(join(root, path), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((from) => ({ from, path: from.slice(root.length + 1).replaceAll('\\', '/') }))
}
