/** The models of a workspace that can score a pair: what runs have trained, the bases they started from, its models folder. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { ModelEntry } from '../../shared/inspection.ts'
import type { Recipe } from '../../shared/recipe.ts'
import type { Run } from '../../shared/types.ts'
import { SHIPPED_BASE } from '../demo/base.ts'
import { BackendError } from '../errors.ts'
import type { Workspace } from '../storage/open.ts'
import { listStages } from '../storage/run-stages.ts'
import { listRuns, readRunFiles, requireRun } from '../storage/runs.ts'

/** Newest runs first, each with its last round first; then bases. */
export function listModels(workspace: Pick<Workspace, 'path' | 'models' | 'db'>): ModelEntry[] {
  const { db } = workspace
  const runs = listRuns(db)
  const trained = runs.flatMap((run) => trainedModels(workspace, run))
  const folders = readdirSync(workspace.models, { withFileTypes: true }).filter((entry) => !entry.name.startsWith('.')).map(({ name }) => `models/${name}`).sort()
  const bases = [...new Set([...runs.map(({ baseModel }) => baseModel), ...folders])].map((path): ModelEntry => ({ path, name: path, run: null, reference: null }))
  const all = [...trained, ...bases].filter(({ path }) => existsSync(join(folderOf(workspace, path), 'config.json')))
  // A workspace without any model can still look at its pairs.
  return all.length > 0 ? all : [{ path: SHIPPED_BASE, name: 'built-in base', run: null, reference: null }]
}

/** @throws BackendError unless the path is one of `listModels`. */
export function requireModel(workspace: Pick<Workspace, 'path' | 'models' | 'db'>, path: string): ModelEntry {
  const models = listModels(workspace)
  const model = models.find((entry) => entry.path === path)
  if (model === undefined) throw new BackendError('not-found', `model: expected one of this workspace, got "${path}". There are: ${models.slice(0, 6).map((entry) => entry.path).join(', ')}`)
  return model
}

/** What a round trained, and what its loss measured against. @throws BackendError before the round is trained. */
export function roundModels(workspace: Pick<Workspace, 'path' | 'models' | 'db'>, id: string, round: number): { policy: string; reference: string } {
  const run = requireRun(workspace.db, id)
  const found = trainedModels(workspace, run).find(({ path }) => path === policyPath(id, `round-${round}`))
  if (found === undefined || found.reference === null) throw new BackendError('not-found', `run ${id}: round ${round} is not trained yet, so there is no policy to score its pairs under. It is there once the stage round-${round}/train is done`)
  return { policy: found.path, reference: found.reference }
}

/** Absolute. */
export function folderOf({ path }: Pick<Workspace, 'path'>, model: string): string {
  return isAbsolute(model) ? model : join(path, model)
}

/** Changes whenever the folder holds another model: names, sizes and times of its files. */
export function modelFingerprint(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => {
      const { size, mtimeMs } = statSync(join(folder, name))
      return `${name} ${size} ${mtimeMs}`
    })
    .sort()
    .join('\n')
}

function trainedModels({ db }: Pick<Workspace, 'db'>, run: Run): ModelEntry[] {
  // The weights of an imported run are elsewhere.
  if (run.importedFrom !== null) return []
  const { recipe } = readRunFiles(db, run.id)
  return listStages(db, run.id)
    .filter(({ kind, status, key }) => kind === 'train' && status === 'done' && !key.startsWith('reward/'))
    .map(({ key, startsFrom }): ModelEntry => {
      const name = key.replace(/\/train$/, '')
      return { path: policyPath(run.id, name), name: `${run.name}, ${name.replace('-', ' ')}`, run: run.id, reference: referencePath(run, recipe, startsFrom) }
    })
    .reverse()
}

/** As `trainRound` of src/recipes/steps.ts chooses it. */
function referencePath(run: Run, recipe: Recipe, startsFrom: string | null): string {
  return recipe.reference === 'base' || startsFrom === null || startsFrom === 'base' ? run.baseModel : policyPath(run.id, startsFrom)
}

const policyPath = (run: string, name: string): string => `runs/${run}/models/${name}`
