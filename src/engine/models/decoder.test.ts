import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SMALL_LLAMA, writeRandomModel } from '../../../tests/reference/random-model.ts'
import { embeddedEngine } from '../embedded.ts'
import { parseModelConfig } from '../model-folder.ts'
import { readSafetensors, writeSafetensors } from '../safetensors.ts'
import type { Tensor } from '../safetensors.ts'
import { decoderConfig } from './index.ts'

const folders: string[] = []
afterEach(() => folders.splice(0).forEach(folder => rmSync(folder, { recursive: true })))

function decoderOf(changes: Record<string, unknown>): ReturnType<typeof decoderConfig> {
  return decoderConfig(parseModelConfig({ ...SMALL_LLAMA, ...changes }, 'config.json'))
}

function changedModel(change: (weights: Map<string, Tensor>) => void): string {
  const folder = writeRandomModel()
  folders.push(folder)
  const weights = readSafetensors(join(folder, 'model.safetensors'))
  change(weights)
  writeSafetensors(join(folder, 'model.safetensors'), weights.values())
  return folder
}

describe('a configuration', () => {
  it.each([
    [{ mlp_bias: true }, '"mlp_bias": expected false, got true'],
    [{ sliding_window: 64 }, '"sliding_window": expected no sliding-window attention within the context of 128 positions, got 64'],
    [{ layer_types: ['full_attention', 'sliding_attention'] }, '"layer_types": expected only "full_attention", got "sliding_attention"'],
    [{ rope_parameters: { rope_type: 'yarn', rope_theta: 10000, factor: 4 } }, 'rope type "yarn" is not supported, expected default, linear or llama3'],
    [{ rope_scaling: { type: 'linear' } }, 'rope type linear: expected "factor" to be a positive number, got undefined'],
  ])('that would change results is refused: %o', (changes, message) => {
    expect(() => decoderOf(changes)).toThrow(message)
  })

  it('switches on what its family adds', () => {
    expect(decoderOf({ model_type: 'qwen2' })).toMatchObject({ qkvBias: true, outputBias: false, qkNorm: false })
    expect(decoderOf({ model_type: 'qwen3' })).toMatchObject({ qkvBias: false, qkNorm: true, headDim: 128 })
    expect(decoderOf({ attention_bias: true })).toMatchObject({ qkvBias: true, outputBias: true })
    expect(decoderOf({ rope_scaling: { type: 'linear', factor: 2 } }).frequencies[0]).toBe(0.5)
  })
})

describe('weights', () => {
  it('must all be there, in the shape that the configuration says, and finite', async () => {
    const name = 'model.layers.1.mlp.up_proj.weight'
    await expect(embeddedEngine.load(changedModel(weights => weights.delete(name)))).rejects.toThrow(`expected the tensor "${name}" of shape [48, 32], found none`)
    await expect(embeddedEngine.load(changedModel(weights => weights.set(name, { name, shape: [32, 48], data: new Float32Array(1536) })))).rejects.toThrow(`tensor "${name}": expected shape [48, 32], got [32, 48]`)
    await expect(embeddedEngine.load(changedModel(weights => (weights.get(name)?.data ?? new Float32Array()).set([NaN], 5)))).rejects.toThrow(`tensor "${name}": expected finite numbers, got NaN at index 5`)
  })

  it('of a small model run on one thread unless told otherwise', async () => {
    const folder = changedModel(() => {})
    expect((await embeddedEngine.load(folder)).threads).toBe(1)
    expect((await embeddedEngine.load(folder, { threads: 2 })).threads).toBe(2)
  })
})
