/** The torch engine where DRIFT_PYTHON names a Python with PyTorch; elsewhere its tests are skipped, aloud. */
import type { Engine } from '../../src/engine/engine.ts'
import { createTorchEngine } from '../../src/engine/torch/engine.ts'
import { PLAIN_TORCH } from '../../src/engine/torch/options.ts'
import type { TorchOptions } from '../../src/engine/torch/options.ts'

export const hasTorch = Boolean(process.env.DRIFT_PYTHON)

/** @returns the engine, or nothing. */
export function torchForTests(what: string, options: Partial<TorchOptions> = {}): Engine[] {
  if (!hasTorch) console.warn(`SKIPPED: ${what} on the torch engine; set DRIFT_PYTHON to a Python with torch, transformers, peft and accelerate`)
  return hasTorch ? [createTorchEngine({ ...PLAIN_TORCH, ...options })] : []
}
