/** The torch engine where DRIFT_PYTHON names a Python with PyTorch or its environment is installed; elsewhere its tests are skipped, aloud. */
import { spawnSync } from 'node:child_process'
import type { Engine } from '../../src/engine/engine.ts'
import { createTorchEngine } from '../../src/engine/torch/engine.ts'
import { recordedPython, torchPython } from '../../src/engine/torch/interpreter.ts'
import { PLAIN_TORCH } from '../../src/engine/torch/options.ts'
import type { TorchOptions } from '../../src/engine/torch/options.ts'

export const hasTorch = Boolean(process.env.DRIFT_PYTHON) || recordedPython(process.env) !== null

/** @returns the engine, or nothing. */
export function torchForTests(what: string, options: Partial<TorchOptions> = {}): Engine[] {
  if (!hasTorch) console.warn(`SKIPPED: ${what} on the torch engine; drift engine install torch sets up what it needs, or DRIFT_PYTHON names a Python with torch, transformers, peft and accelerate`)
  return hasTorch ? [createTorchEngine({ ...PLAIN_TORCH, ...options })] : []
}

/** Whether the torch engine's Python has a package that its lock does not bring; said aloud where not. */
export function hasPackage(name: 'deepspeed' | 'trl' | 'vllm', what: string): boolean {
  const is = hasTorch && spawnSync(torchPython(process.env), ['-c', `import importlib.util as i, sys; sys.exit(i.find_spec("${name}") is None)`]).status === 0
  if (!is) console.warn(`SKIPPED: ${what}; it needs a Python with torch (DRIFT_PYTHON) that has ${name}`)
  return is
}
