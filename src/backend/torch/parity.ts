/** Comparisons of the torch engine with the embedded one: made here, kept beside the torch engine's record. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bytesInWords, describeParity } from '../../core/torch-words.ts'
import type { Device } from '../../engine/device.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import { type DecoderConfig, expectedWeights } from '../../engine/models/decoder.ts'
import { decoderConfig } from '../../engine/models/index.ts'
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

/** Float32 arrays of a model's size that live at once: weights, gradients, two of Adam's, and the weights after the step of each engine. */
const COPIES = 6

function parityBytes(config: DecoderConfig): number {
  return 4 * COPIES * expectedWeights(config).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

/** Newest first. A damaged file is as none: what it held can be measured again. */
export function readParity(env: NodeJS.ProcessEnv): ParityReport[] {
  try {
    return JSON.parse(readFileSync(parityFile(env), 'utf8')) as ParityReport[]
  } catch {
    return []
  }
}

/**
 * Before a run: compares where that was never done for its model, device and versions, and this machine has room.
 * @param run `torch` is what the engine says of itself, settings included.
 * @returns a line for the run's log.
 */
export async function parityOf(run: Known, model: string, { db, env, free, signal, note }: { db: WritableDb | null; env: NodeJS.ProcessEnv; /** Bytes. */ free: number; signal: AbortSignal; note(text: string): void }): Promise<string> {
  const known = readParity(env).find((one) => one.embedded === appVersion && isOf(one, run))
  if (known !== undefined) return describeParity(known)
  const how = `\`drift engine parity --model ${model} --device ${run.device}\` compares them`
  try {
    const needed = parityBytes(decoderConfig(readModelConfig(model)))
    if (needed > free) return `not compared with the embedded engine: that takes about ${bytesInWords(needed)} of memory, ${bytesInWords(free)} are free; where there is more, ${how}`
    note('comparing with the embedded engine on the base, which was not done yet for these versions')
    return describeParity(await checkParity({ model, device: run.device as ParityReport['device'] }, db, env, signal))
  } catch (error) {
    signal.throwIfAborted()
    return `could not be compared with the embedded engine: ${(error as Error).message}; ${how}`
  }
}

/** The figures of a run on the torch engine: kept for this folder and device under the versions that its stages name. */
export function parityOfRun({ device }: Recipe, folder: string | null, computedBy: string | null, env: NodeJS.ProcessEnv): ParityReport | null {
  if (folder === null || computedBy === null) return null
  return readParity(env).find((one) => one.model === resolve(folder) && one.device === device && computedBy.includes(one.torch)) ?? null
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
