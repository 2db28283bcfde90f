import { expect, it } from 'vitest'
import type { Engine, LoadOptions, Model } from '../../engine/engine.ts'
import { ModelShelf } from './models.ts'

it('loads every model of a run on the run\'s device, also one that begins an adapter', async () => {
  const asked: (LoadOptions | undefined)[] = []
  // What is asked of the engine is the whole point: no device is needed to tell.
  const engine = { load: async (_folder: string, options?: LoadOptions) => (asked.push(options), { dispose: async () => {} } as unknown as Model) } as unknown as Engine
  const shelf = new ModelShelf(engine, 3, 'webgpu')
  const newAdapter = { r: 4, lora_alpha: 8, target_modules: null, use_rslora: false, seed: 1 }
  await shelf.use('base')
  await shelf.takeWithAdapter('base', newAdapter)
  expect(asked).toEqual([{ threads: 3, device: 'webgpu' }, { threads: 3, device: 'webgpu', newAdapter }])
})
