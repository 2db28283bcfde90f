/** Comparisons of the torch engine with the embedded one: made here, kept beside the torch engine's record. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describeParity } from '../../core/torch-words.ts'
import type { Device } from '../../engine/device.ts'
import { openEngine } from '../../engine/open-engine.ts'
import { measureParity } from '../../engine/parity.ts'
import { torchFolder } from '../../engine/torch/interpreter.ts'
import type { RecipeCheck } from '../../shared/contract.ts'
import type { ParityReport } from '../../shared/engines.ts'
import type { Recipe } from '../../shared/recipe.ts'
import { hashModel } from '../lab/models.ts'
import type { WritableDb } from '../storage/open.ts'
import { appVersion } from '../version.ts'
import { writeWhole } from '../write-lines.ts'

export type ParityInput = { model: string; device: ParityReport['device'] }
type Known = Pick<ParityReport, 'modelHash' | 'torch'> & { device: Device }

/** Measures in this process and keeps the result. @throws where an engine cannot load or train the model. */
export async function checkParity({ model, device }: ParityInput, db: WritableDb | null, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<ParityReport> {
  const folder = resolve(model)
  const engine = await openEngine('torch')
  try {
    const figures = await measureParity(folder, { engine: await openEngine('embedded'), device: 'cpu' }, { engine, device }, signal)
    const torch = await engine.describe?.()
    if (torch === undefined) throw new Error('engine torch: expected it to say its versions, it did not')
    const report: ParityReport = {
      model: folder, modelHash: hashModel(db, folder), device, embedded: appVersion, torch, figures,
      agrees: figures.every(({ difference, tolerance }) => difference !== null && difference <= tolerance), at: Date.now(),
    }
    const others = readParity(env).filter((one) => !(isOf(one, report) && one.embedded === report.embedded))
    writeWhole(parityFile(env), `${JSON.stringify([report, ...others], null, 1)}\n`)
    return report
  } finally {
    // A worker with torch in it holds hundreds of megabytes.
    await engine.close?.()
  }
}

/** Newest first. A damaged file is as none: what it held can be measured again. */
export function readParity(env: NodeJS.ProcessEnv): ParityReport[] {
  try {
    return JSON.parse(readFileSync(parityFile(env), 'utf8')) as ParityReport[]
  } catch {
    return []
  }
}

/** A line for a run's log; `run.torch` is what the engine says of itself, settings included. */
export function parityNote(run: Known, model: string, env: NodeJS.ProcessEnv): string {
  const known = readParity(env).find((one) => one.embedded === appVersion && isOf(one, run))
  return known === undefined ? `whether it agrees with the embedded engine is not known for this model, device and these versions: \`drift engine parity --model ${model} --device ${run.device}\` compares them` : describeParity(known)
}

/** As far as it can be told without reading the model: by its folder, whatever torch's version; the run's log says it exactly. */
export function adviseParity({ engine, device }: Recipe, folder: string | null, env: NodeJS.ProcessEnv): RecipeCheck['warnings'] {
  if (engine !== 'torch' || folder === null) return []
  const known = readParity(env).find((one) => one.model === resolve(folder) && one.device === device && one.embedded === appVersion)
  if (known?.agrees) return []
  return [{ path: 'torch', message: known === undefined ? `not compared with the embedded engine on this model and device yet: \`drift engine parity --model ${folder} --device ${device}\`, or Settings, PyTorch engine` : describeParity(known) }]
}

const parityFile = (env: NodeJS.ProcessEnv): string => join(torchFolder(env), 'parity.json')

/** Settings of a run follow the versions. */
function isOf(report: ParityReport, { modelHash, device, torch }: Known): boolean {
  return report.modelHash === modelHash && report.device === device && (torch === report.torch || torch.startsWith(`${report.torch}, `))
}
