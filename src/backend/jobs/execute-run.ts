/** Works on one run, from its first unfinished unit to its end; everything it leaves behind is in the workspace. */
import type { Engine } from '../../engine/engine.ts'
import { findModel, placeOfModel } from '../../engine/hub-cache.ts'
import { resolveModel } from '../../engine/hub.ts'
import { recipes } from '../../recipes/index.ts'
import { ENGINE_CHANGED } from '../../shared/engines.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Recipe } from '../../shared/recipe.ts'
import { type LabContext, type LabReport, type LabWorkspace, Stopped } from '../lab/context.ts'
import { engineIn, nameComputer } from '../lab/computed-by.ts'
import { createLab } from '../lab/lab.ts'
import { readEvaluationData, readLogs } from '../lab/logs.ts'
import { hashModel, ModelShelf } from '../lab/models.ts'
import { loadText, type Text } from '../lab/text.ts'
import { Usage } from '../lab/usage.ts'
import { explainStorageError, type WritableDb } from '../storage/open.ts'
import { lastComputedBy, listStages } from '../storage/run-stages.ts'
import { addLog, type Lease, LeaseLost, readRunFiles, releaseRun, renewLease, type Requested, requireRun, startRunAs, writeAsOwner } from '../storage/runs.ts'
import { parityOf } from '../torch/parity.ts'
import { keepDerived } from '../comparisons/keep-derived.ts'
import { thisOwner } from './owner.ts'

export type ExecuteOptions = {
  workspace: LabWorkspace
  lease: Lease
  engine: Engine
  /** The app's. */
  version: string
  /** Somebody has asked for another engine than the run was computed with so far. */
  engineChange?: boolean
  /** Stops the run between two units when the controller is aborted with a `Stopped`. */
  stop?: AbortController
  tell?(report: LabReport): void
  loadText?(folder: string): Text
  now?(): number
}

export const RENEW_MS = 1_000

/**
 * Resolves with how the run ended; a failure is a status of the run, not of this function.
 * @throws LeaseLost where another process has taken the run over.
 */
export async function executeRun(options: ExecuteOptions): Promise<Ended> {
  const ended = await runToItsEnd(options)
  // Whoever looks next need not wait for it; where the process is killed here, they do.
  if (ended !== 'paused') keepDerived({ ...options.workspace, capsule: null }, options.lease.runId)
  return ended
}

type Ended = 'done' | 'paused' | 'cancelled' | 'failed'

async function runToItsEnd(options: ExecuteOptions): Promise<Ended> {
  const { workspace, lease, now = Date.now } = options
  const { db } = workspace
  const stop = options.stop ?? new AbortController()
  startRunAs(db, lease, thisOwner(), now())
  const timer = setInterval(() => {
    try {
      const requested = renewLease(db, lease, now())
      if (requested !== null) stop.abort(new Stopped(requested))
    } catch (error) {
      if (error instanceof LeaseLost) stop.abort(error)
    }
  }, RENEW_MS)
  try {
    const modelPath = await work(options, stop)
    releaseRun(db, lease, { status: 'done', error: null, modelPath }, now())
    return 'done'
  } catch (error) {
    if (error instanceof LeaseLost) throw error
    if (error instanceof Stopped) return end(db, lease, error.requested, now())
    const explained = explainStorageError(error, workspace.path)
    const message = explained instanceof Error ? explained.message : String(explained)
    releaseRun(db, lease, { status: 'failed', error: message }, now())
    addLog(db, lease.runId, 'error', message, now())
    return 'failed'
  } finally {
    clearInterval(timer)
  }
}

function end(db: WritableDb, lease: Lease, requested: Requested, now: number): 'paused' | 'cancelled' {
  const status = requested === 'pause' ? 'paused' : 'cancelled'
  releaseRun(db, lease, { status, error: null }, now)
  addLog(db, lease.runId, 'info', status, now)
  return status
}

/** @returns the final policy's folder, relative to the workspace. */
async function work(options: ExecuteOptions, stop: AbortController): Promise<string> {
  const { signal } = stop
  const { workspace, lease, engine, version, now = Date.now } = options
  const { db } = workspace
  const { recipe } = readRunFiles(db, lease.runId)
  const threads = requireRun(db, lease.runId).threads ?? 1
  const made = await engine.describe?.()
  const computedBy = nameComputer({ engine: engine.name, version, threads, device: recipe.device, made })
  const log = (text: string): void => writeAsOwner(db, lease, () => addLog(db, lease.runId, 'info', text, now()))
  checkEngine(options, computedBy, log)
  const folder = await resolveModel(recipe.model_name_or_path, { base: workspace.path, signal, note: log })
  const logs = await readLogs(workspace, recipe)
  const evaluations = await readEvaluationData(workspace, recipe)
  const models = new ModelShelf(engine, threads, recipe.device)
  const context: LabContext = {
    workspace, lease, recipe, engine, threads, computedBy, models, signal, now,
    text: (options.loadText ?? loadText)(folder),
    usage: new Usage(logs),
    tell: (report) => options.tell?.(report),
    pause: () => stop.abort(new Stopped('pause')),
  }
  const base = { name: 'base', folder, hash: hashModel(db, folder) }
  writeAsOwner(db, lease, () => addLog(db, lease.runId, 'info', `${computedBy}; base ${recipe.model_name_or_path} (${base.hash.slice(0, 12)})`, now()))
  if (engine.name === 'torch') log(`torch: ${await parityOf({ modelHash: base.hash, device: recipe.device, torch: made ?? '' }, folder, { db, env: process.env, free: process.availableMemory(), signal, note: (text) => log(`torch: ${text}`) })}`)
  try {
    const method = recipes[recipe.recipe]
    if (listStages(db, lease.runId).length === 0) {
      log(`${recipe.recipe}: as described in ${method.source}, but for what follows`)
      for (const deviation of method.deviations) log(`${recipe.recipe}: ${deviation}`)
    }
    const policy = await method.run(createLab(context, base, evaluations), logs, recipe)
    return policy === base ? (isHubId(recipe, workspace.path) ? folder : recipe.model_name_or_path) : `runs/${lease.runId}/models/${policy.name}`
  } finally {
    await models.release()
  }
}

/** @throws UsageError where the run was computed with another engine so far and nobody asked for the change. */
function checkEngine({ workspace: { db, path }, lease: { runId }, engine, engineChange = false }: ExecuteOptions, computedBy: string, log: (text: string) => void): void {
  const before = lastComputedBy(db, runId)
  if (before === null || engineIn(before) === engineIn(computedBy)) return
  const change = `computed with ${engineIn(before)} so far, now it is ${engineIn(computedBy)}`
  if (!engineChange) throw new UsageError(`${ENGINE_CHANGED} this run was ${change}. Its numbers would be of two engines: bring the first one back, or ask for the change: drift resume ${runId} --workspace ${path} --engine ${engine.name}`)
  log(`engine changed, as was asked: ${change}; what is finished stays`)
}

/** Null for a model of the Hub that is still to be fetched, which the run does when it starts. */
export function baseFolder(workspace: string, { model_name_or_path: path }: Pick<Recipe, 'model_name_or_path'>): string | null {
  return findModel(path, workspace)
}

function isHubId({ model_name_or_path: path }: Pick<Recipe, 'model_name_or_path'>, workspace: string): boolean {
  return !('folder' in placeOfModel(path, workspace))
}
