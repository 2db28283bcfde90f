import { rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { DPO } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { LoraSettings, TokenPair } from './engine.ts'
import { estimateDpo } from './estimate-training.ts'
import type { TrainingMemory } from './memory.ts'
import { readModelConfig } from './model-folder.ts'

const folder = writeRandomModel()
afterAll(() => rmSync(folder, { recursive: true }))

const sizes = [[9, 4, 7], [5, 6, 2], [12, 3, 3]] as const
const pairs: TokenPair[] = sizes.map(([prompt, chosen, rejected]) => ({ promptIds: ids(prompt), chosenIds: ids(chosen), rejectedIds: ids(rejected) }))
const LORA: LoraSettings = { r: 3, lora_alpha: 6, target_modules: ['q_proj', 'up_proj'], use_rslora: false, seed: 1 }

function ids(length: number): number[] {
  return Array.from({ length }, (_, i) => 3 + (i % 50))
}

describe('the estimate from a configuration', () => {
  it.each([['all weights', undefined, 1], ['an adapter', LORA, 1], ['accumulated gradients', undefined, 2]] as const)('is what training itself reckons with, for %s', async (_, adapter, accumulate) => {
    const model = await embeddedEngine.load(folder, adapter ? { newAdapter: adapter } : {})
    let told: TrainingMemory | undefined
    const config = { ...DPO, per_device_train_batch_size: 3, gradient_accumulation_steps: accumulate, max_steps: 1 }
    await model.trainDpo(pairs, { chosen: new Float64Array(3).fill(-9), rejected: new Float64Array(3).fill(-9) }, config, { onStart: ({ memory }) => void (told = memory) })
    await model.dispose()
    const named = sizes.map(([prompt, chosen, rejected]) => ({ prompt, chosen, rejected }))
    const { memory, trained } = estimateDpo(readModelConfig(folder), folder, { optim: 'adamw_torch', batchSize: 3, accumulates: accumulate > 1, checkpointed: false, ...(adapter && { adapter }), pairs: named, smallest: { prompt: 12, chosen: 3, rejected: 3 } })
    expect(memory).toEqual(told)
    // Two layers: A [3, 32] and B [32, 3] of q_proj, A [3, 32] and B [48, 3] of up_proj.
    if (adapter) expect(trained).toBe(2 * 3 * (32 + 32 + 32 + 48))
    else expect(4 * trained).toBe(memory.weights)
  })
})
