/** The engine of a name; only its own libraries are loaded. */
import type { EngineName } from './device.ts'
import type { Engine } from './engine.ts'
import { PLAIN_TORCH } from './torch/options.ts'
import type { TorchOptions } from './torch/options.ts'

export async function openEngine(name: EngineName, torch: TorchOptions = PLAIN_TORCH): Promise<Engine> {
  if (name === 'embedded') return (await import('./embedded.ts')).embeddedEngine
  return (await import('./torch/engine.ts')).createTorchEngine(torch)
}
