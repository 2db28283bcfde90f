import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { DPO } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { Model, TokenPair } from './engine.ts'
import { completionPlaces, packRows, treeRow } from './packing.ts'
import { decoderConfig } from './models/index.ts'
import { readModelConfig } from './model-folder.ts'

const id = fc.integer({ min: 0, max: 60 })
const pair: fc.Arbitrary<TokenPair> = fc.record({
  promptIds: fc.array(id, { minLength: 1, maxLength: 12 }),
  chosenIds: fc.array(id, { minLength: 1, maxLength: 9 }),
  rejectedIds: fc.array(id, { minLength: 1, maxLength: 9 }),
})

let folder = ''
let model: Model
beforeAll(async () => {
  folder = writeRandomModel()
  model = await embeddedEngine.load(folder)
})
afterAll(async () => {
  await model.dispose()
  rmSync(folder, { recursive: true })
})

const total = (logps: Float32Array | undefined): number => (logps ?? new Float32Array()).reduce((a, b) => a + b, 0)

describe('a tree row', () => {
  it('scores both completions as two rows of their own would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 5 }), async pairs => {
        const rows = pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }])
        const together = await model.score(rows)
        for (const [i, row] of rows.entries()) {
          const [alone] = await model.score([row])
          together[i]?.forEach((logp, t) => expect(Math.abs(logp - (alone?.[t] ?? NaN))).toBeLessThan(2e-5))
        }
      }),
      { seed: 1, numRuns: 25 },
    )
  })

  it('has the loss and gradients of the difference between two rows', async () => {
    // d loss / d weight through the tree against central differences along a random direction, by scoring alone.
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 3 }), async pairs => {
        const weights = (model as unknown as { weights: Map<string, { data: Float32Array }> }).weights
        const reference = { chosen: Float64Array.from(pairs, () => -20), rejected: Float64Array.from(pairs, () => -21) }
        const config = { ...DPO, loss_type: ['robust', 'sft'] as ('robust' | 'sft')[], loss_weights: [1, 0.3], label_smoothing: 0.1, beta: 0.5 }
        const lossByScoring = async (): Promise<number> => {
          const sides = await Promise.all((['chosenIds', 'rejectedIds'] as const).map(key => Promise.all(pairs.map(async p => total((await model.score([{ promptIds: p.promptIds, completionIds: p[key] }]))[0])))))
          const chosen = sides[0] ?? []
          const logSigmoid = (x: number): number => -Math.log1p(Math.exp(-x))
          const losses = pairs.map((_, i) => {
            const z = config.beta * ((chosen[i] ?? NaN) + 20 - ((sides[1]?.[i] ?? NaN) + 21))
            return (-0.9 * logSigmoid(z) + 0.1 * logSigmoid(-z)) / 0.8
          })
          const tokens = pairs.reduce((sum, p) => sum + p.chosenIds.length, 0)
          return losses.reduce((a, b) => a + b) / pairs.length - (0.3 * chosen.reduce((a, b) => a + b)) / tokens
        }
        const { loss, gradients } = await model.dpoGradients(pairs, reference, config)
        expect(Math.abs(loss - (await lossByScoring()))).toBeLessThan(1e-4)
        const name = 'model.layers.0.self_attn.k_proj.weight'
        const [data, gradient] = [weights.get(name)?.data ?? new Float32Array(), gradients.get(name) ?? new Float32Array()]
        const original = data.slice()
        const norm = Math.hypot(...gradient)
        const epsilon = 5e-3
        const shifted = async (by: number): Promise<number> => {
          data.forEach((_, i) => (data[i] = (original[i] ?? 0) + (by * (gradient[i] ?? 0)) / (norm || 1)))
          return lossByScoring()
        }
        const numeric = ((await shifted(epsilon)) - (await shifted(-epsilon))) / (2 * epsilon)
        data.set(original)
        expect(Math.abs(numeric - norm)).toBeLessThan(2e-3 + 0.01 * norm)
      }),
      { seed: 1, numRuns: 10 },
    )
  })

  it('lets a completion see the prompt and itself, at positions that restart after the prompt', () => {
    const row = treeRow([5, 6], [[7, 8, 9], [10, 11]])
    expect(row.ids).toEqual([5, 6, 7, 8, 10])
    const { feeds, tokens } = packRows([row], decoderConfig(readModelConfig(folder)), 2)
    expect(tokens).toBe(5)
    expect([...(feeds.positions?.data ?? [])].map(Number)).toEqual([0, 1, 2, 3, 2, 0])
    // The prompt, the shorter completion and the longer one stand in blocks of their own.
    const masks = [0, 1, 2].map(b => [...(feeds[`mask.${b}`]?.data ?? [])].map(v => Number(Number(v) === 0)))
    expect(masks).toEqual([[1, 0, 1, 1], [1, 1, 1], [1, 1, 1, 0, 1, 1, 1, 1]])
    // Rows of two heads each.
    expect([0, 1, 2].map(b => new Set([...(feeds[`pad.k.${b}`]?.data ?? [])].map(index => Math.floor(Number(index) / 2))))).toEqual([new Set([0, 1]), new Set([0, 1, 4]), new Set([0, 1, 2, 3])])
    expect(completionPlaces(row, 1, 2)).toEqual([[0, 1], [3, 0]])
  })
})
