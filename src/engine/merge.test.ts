import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { DPO } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { LoraSettings, TokenPair } from './engine.ts'
import { createRandom } from './rng.ts'
import { readSafetensors } from './safetensors.ts'

const LORA: LoraSettings = { r: 3, lora_alpha: 6, target_modules: ['q_proj', 'down_proj'], use_rslora: true, seed: 9 }
const SCALE = 6 / Math.sqrt(3)
const random = createRandom(5)
const ids = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(random() * 58))
const pairs: TokenPair[] = Array.from({ length: 6 }, (_, i) => ({ promptIds: ids(3 + (i % 4)), chosenIds: ids(2 + (i % 4)), rejectedIds: ids(1 + ((i * 3) % 7)) }))
const rows = pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds }))

const root = mkdtempSync(join(tmpdir(), 'drift-merge-'))
const [adapter, merged] = [join(root, 'adapter'), join(root, 'merged')]
let base = ''
let unmergedScores: Float32Array[] = []
beforeAll(async () => {
  base = writeRandomModel()
  const model = await embeddedEngine.load(base, { newAdapter: LORA })
  await model.trainDpo(pairs, { chosen: new Float64Array(6).fill(-9), rejected: new Float64Array(6).fill(-14) }, { ...DPO, learning_rate: 3e-2, num_train_epochs: 5 })
  await model.save(merged, { merged: true })
  unmergedScores = await model.score(rows)
  await model.save(adapter)
  await model.dispose()
})
afterAll(() => [root, base].forEach(path => rmSync(path, { recursive: true })))

const difference = (a: Float32Array[], b: Float32Array[]): number => Math.max(...a.flatMap((values, i) => [...values].map((value, t) => Math.abs(value - (b[i]?.[t] ?? NaN)))))

describe('a merged model', () => {
  it('computes what the model with its adapter computes', async () => {
    const [alone, plain] = [await embeddedEngine.load(merged), await embeddedEngine.load(base)]
    expect(difference(await alone.score(rows), unmergedScores)).toBeLessThan(2e-5)
    // The adapter has learned something that a merge could lose.
    expect(difference(await plain.score(rows), unmergedScores)).toBeGreaterThan(0.1)
    await Promise.all([alone.dispose(), plain.dispose()])
  })

  it('has W + scale·B·A in float32 where the adapter adds, and the model\'s own weights elsewhere', () => {
    const [own, sums, low] = [readSafetensors(join(base, 'model.safetensors')), readSafetensors(join(merged, 'model.safetensors')), readSafetensors(join(adapter, 'adapter_model.safetensors'))]
    expect([...sums.keys()]).toEqual([...own.keys()].sort())
    let added = 0
    for (const [name, { data, shape }] of own) {
      const place = `base_model.model.${name.replace(/\.weight$/, '')}`
      const [a, b] = [low.get(`${place}.lora_A.weight`), low.get(`${place}.lora_B.weight`)]
      const columns = shape[1] ?? 1
      const expected = Float32Array.from(data, (weight, at) => {
        if (!a || !b) return weight
        const [row, column] = [Math.floor(at / columns), at % columns]
        return weight + SCALE * [0, 1, 2].reduce((sum, k) => sum + (b.data[row * 3 + k] ?? NaN) * (a.data[k * columns + column] ?? NaN), 0)
      })
      expect(sums.get(name)?.data, name).toEqual(expected)
      if (a && b) added++
    }
    expect(added).toBe(4)
  })

  it('is a plain model folder; the adapter beside it stays one', () => {
    expect(readdirSync(merged).sort()).toEqual(['config.json', 'model.safetensors'])
    expect(readdirSync(adapter).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
  })

  it('is the model itself where there is no adapter', async () => {
    const plain = await embeddedEngine.load(base)
    const [a, b] = [join(root, 'a'), join(root, 'b')]
    await plain.save(a)
    await plain.save(b, { merged: true })
    expect(readFileSync(join(b, 'model.safetensors'))).toEqual(readFileSync(join(a, 'model.safetensors')))
    await plain.dispose()
  })
})
