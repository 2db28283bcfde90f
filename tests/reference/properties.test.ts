/** Log-probabilities and gradients over random architectures and ragged pairs, against a float64 decoder of its own. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, TokenPair } from '../../src/engine/engine.ts'
import { readSafetensors } from '../../src/engine/safetensors.ts'
import type { Tensor } from '../../src/engine/safetensors.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { runDpoBatch } from '../../src/engine/tasks.ts'
import type { MemoryPlan } from '../../src/engine/training-graph.ts'
import { TrainingStep } from '../../src/engine/training-step.ts'
import { completionLogps, preferenceLoss } from '../support/float64-decoder.ts'
import type { Float64Model } from '../support/float64-decoder.ts'
import { DPO } from './train-config.ts'
import { architecture, decoderOf, dpoConfig, FIXED, float64Model, gradientError, pairShapes, pairsOf, referenceOf, withModel, writeArchitecture, writeRandomAdapter } from '../support/random-cases.ts'

const largestDifference = (a: ArrayLike<number> | undefined, b: ArrayLike<number>): number => {
  expect(a).toHaveLength(b.length)
  return Array.from(b).reduce((top, value, i) => Math.max(top, Math.abs(value - (a?.[i] ?? NaN))), 0)
}

describe('log-probabilities', () => {
  const checkScores = (kind: Parameters<typeof withModel>[0], pairs: TokenPair[], isAlone: boolean): Promise<void> =>
    withModel(kind, async (model, folder) => {
      const rows = pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }])
      const together = await model.score(rows)
      const float64 = float64Model(folder, kind)
      for (const [i, row] of rows.entries()) {
        if (isAlone) {
          const [alone] = await model.score([row])
          expect(largestDifference(together[i], alone ?? [])).toBeLessThan(1e-4)
        }
        expect(largestDifference(together[i], completionLogps(float64, row.promptIds, row.completionIds))).toBeLessThan(1e-4)
      }
    })

  it('of 1 to 32 pairs packed as trees are those of each sequence alone, and of float64 (1e-4)', async () => {
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 32, prompt: 300, completion: 120 }), fc.nat(), (kind, shapes, seed) => checkScores(kind, pairsOf(shapes, seed), true)), { ...FIXED, numRuns: 14 })
  })

  it('of up to 2,048 tokens are those of float64 (1e-4)', async () => {
    const long = fc.record({ prompt: fc.integer({ min: 1, max: 1024 }), chosen: fc.integer({ min: 1, max: 1024 }), rejected: fc.integer({ min: 1, max: 1024 }), isRepeated: fc.constant(false) })
    const edges = fc.constantFrom({ prompt: 2047, chosen: 1, rejected: 1, isRepeated: false }, { prompt: 1, chosen: 2047, rejected: 1, isRepeated: false })
    await fc.assert(fc.asyncProperty(architecture, long, edges, fc.nat(), (kind, shape, edge, seed) => checkScores({ ...kind, layers: 1 }, pairsOf([shape, edge], seed), false)), { ...FIXED, numRuns: 2 })
  })
})

type Trainable = { step: TrainingStep; gradients: () => Map<string, Float32Array>; run: (indices: number[], share: number, isFirst: boolean) => Promise<number> }

/** A training step on pairs, its gradients after each run. */
async function openStep(folder: string, pairs: TokenPair[], reference: { chosen: Float64Array; rejected: Float64Array }, config: DpoConfig, plan: MemoryPlan): Promise<Trainable> {
  const decoder = decoderOf(folder)
  const weights = new Map<string, Tensor>(readSafetensors(join(folder, 'model.safetensors')))
  const step = await TrainingStep.create(decoder, 'dpo', weights, 1, plan)
  return {
    step,
    gradients: () => new Map(step.parameters.map(({ name, gradient }) => [name, gradient.slice()])),
    run: async (indices, share, isFirst) => (await runDpoBatch(step, decoder, pairs, reference, indices, config, share, isFirst)).loss,
  }
}

const PLAIN: MemoryPlan = { chunks: 1, lean: false, checkpointed: false }

describe('DPO gradients', () => {
  it('of a batch are the mean of its pairs\' and the sum over its accumulated parts', async () => {
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 8, prompt: 100, completion: 40 }), fc.integer({ min: 1, max: 4 }), dpoConfig(true), fc.nat(), async (kind, shapes, parts, config, seed) => {
      const folder = writeArchitecture(kind)
      // Parts of equal size, as a step's batches are but for an epoch's last.
      const pairs = pairsOf(Array.from({ length: parts }, () => shapes).flat(), seed)
      const { step, gradients, run } = await openStep(folder, pairs, referenceOf(pairs, seed), config, PLAIN)
      const all = pairs.map((_, i) => i)
      const loss = await run(all, 1, true)
      const whole = gradients()

      let partsLoss = 0
      for (let part = 0; part < parts; part++) partsLoss += (await run(all.slice(part * shapes.length, (part + 1) * shapes.length), 1 / parts, part === 0)) / parts
      expect(gradientError(gradients(), whole).error).toBeLessThan(1e-4)
      expect(Math.abs(partsLoss - loss)).toBeLessThan(1e-4 * Math.max(1, loss))

      const mean = new Map([...whole].map(([name, { length }]) => [name, new Float64Array(length)]))
      let meanLoss = 0
      for (const i of all) {
        meanLoss += (await run([i], 1, true)) / pairs.length
        for (const [name, values] of gradients()) values.forEach((value, j) => (mean.get(name)![j]! += value / pairs.length))
      }
      expect(gradientError(whole, mean).error).toBeLessThan(1e-4)
      expect(Math.abs(meanLoss - loss)).toBeLessThan(1e-4 * Math.max(1, loss))
      await step.release()
      rmSync(folder, { recursive: true })
    }), { ...FIXED, numRuns: 10 })
  })

  it('are the same with the head in pieces, with attention and with layers computed again, also in rows of 256 tokens and more', async () => {
    const longest = fc.oneof(fc.constant([]), fc.record({ prompt: fc.integer({ min: 1, max: 500 }), chosen: fc.integer({ min: 300, max: 600 }), rejected: fc.integer({ min: 1, max: 300 }), isRepeated: fc.constant(false) }).map(shape => [shape]))
    const plan = fc.record({ chunks: fc.integer({ min: 1, max: 5 }), lean: fc.boolean(), checkpointed: fc.boolean() })
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 4, prompt: 80, completion: 30 }), longest, plan, dpoConfig(false), fc.nat(), async (kind, shapes, long, { chunks, lean, checkpointed }, config, seed) => {
      const folder = writeArchitecture(kind)
      const pairs = pairsOf([...shapes, ...long], seed)
      const reference = referenceOf(pairs, seed)
      const fewest = Math.min(...pairs.map(({ chosenIds, rejectedIds }) => chosenIds.length + rejectedIds.length - 1))
      const [plain, saving] = await Promise.all([PLAIN, { chunks: Math.min(chunks, fewest), lean: lean || long.length > 0, checkpointed }].map(async memory => {
        const { step, gradients, run } = await openStep(folder, pairs, reference, config, memory)
        const loss = await run(pairs.map((_, i) => i), 1, true)
        await step.release()
        return { loss, gradients: gradients() }
      }))
      expect(gradientError(saving!.gradients, plain!.gradients).error).toBeLessThan(1e-4)
      expect(saving!.loss).toBeCloseTo(plain!.loss, 5)
      rmSync(folder, { recursive: true })
    }), { ...FIXED, numRuns: 10 })
  })

  /** Derivatives of the float64 loss, prompts computed twice, along a random direction and at one coordinate of every tensor. */
  const compareToDifferences = (float64: Float64Model, gradients: ReadonlyMap<string, Float32Array>, loss: () => number, seed: number): void => {
    const random = createRandom(seed, 5)
    const largest = (values: Float32Array): number => values.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
    const floor = 1e-3 * Math.max(...[...gradients.values()].map(largest))
    const slope = (name: string, direction: ArrayLike<number>): number => {
      const values = float64.weights.get(name)!
      const before = values.slice()
      const at = (by: number): number => {
        before.forEach((value, i) => (values[i] = value + by * direction[i]!))
        return loss()
      }
      const epsilon = 1e-5
      const result = (at(epsilon) - at(-epsilon)) / (2 * epsilon)
      values.set(before)
      return result
    }
    for (const [name, gradient] of gradients) {
      // All gradients of hinge are zero where every margin is beyond it.
      const size = Math.max(largest(gradient), floor) || 1
      const direction = Array.from(gradient, () => (random() < 0.5 ? -1 : 1))
      const along = gradient.reduce((total, value, i) => total + value * direction[i]!, 0)
      expect(Math.abs(along - slope(name, direction)) / (size * Math.sqrt(gradient.length)), `${name} along a direction`).toBeLessThan(1e-4)
      const place = Math.floor(random() * gradient.length)
      expect(Math.abs(gradient[place]! - slope(name, Array.from(gradient, (_, i) => Number(i === place)))) / size, `${name}[${place}]`).toBeLessThan(1e-4)
    }
  }

  it.each(['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'] as const)('of %s, prompts shared, are the derivatives of the float64 loss with prompts of their own; LoRA\'s too', async type => {
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 3, prompt: 20, completion: 8 }), dpoConfig(false), fc.boolean(), fc.nat(1e6), async (kind, shapes, others, isLora, seed) => {
      const folder = writeArchitecture(kind)
      const pairs = pairsOf(shapes, seed)
      const reference = referenceOf(pairs, seed)
      // The named loss, and in half of the cases a mixture around it.
      const config: DpoConfig = { ...others, ...(seed % 2 === 0 && { loss_type: [type], loss_weights: null }), ...(seed % 2 === 1 && { loss_type: [type, ...others.loss_type], loss_weights: [0.7, ...(others.loss_weights ?? [])] }) }
      const adapter = isLora ? writeRandomAdapter(folder, seed) : undefined
      const float64 = float64Model(folder, kind, adapter)
      const model = await embeddedEngine.load(folder, adapter && { adapter: adapter.path })
      const { loss, gradients } = await model.dpoGradients(pairs, reference, config)
      await model.dispose()
      const lossOf = (): number => preferenceLoss(float64, pairs, reference, config)
      expect(Math.abs(loss - lossOf())).toBeLessThan(1e-4 * Math.max(1, Math.abs(loss)))
      expect([...gradients.keys()].sort()).toEqual([...float64.weights.keys()].filter(name => !isLora || name.includes('.lora_')).sort())
      compareToDifferences(float64, gradients, lossOf, seed)
      rmSync(folder, { recursive: true })
    }), { ...FIXED, numRuns: 6 })
  })

  it('of a pair that is learned long since are small, not wrong: margins up to 60', async () => {
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 1, prompt: 12, completion: 6 }), fc.constantFrom('sigmoid' as const, 'robust' as const), fc.double({ min: 5, max: 60, noNaN: true }), fc.nat(1e6), async (kind, shapes, type, margin, seed) => {
      await withModel(kind, async (model, folder) => {
        const pairs = pairsOf(shapes, seed)
        const float64 = float64Model(folder, kind)
        const logp = (ids: number[]): number => completionLogps(float64, pairs[0]!.promptIds, ids).reduce((a, b) => a + b)
        // A reference that is `margin` behind; beta 1.
        const reference = { chosen: Float64Array.of(logp(pairs[0]!.chosenIds) - margin), rejected: Float64Array.of(logp(pairs[0]!.rejectedIds)) }
        const config: DpoConfig = { ...DPO, beta: 1, loss_type: [type] }
        const flat = { chosen: Float64Array.of(reference.chosen[0]! + margin), rejected: reference.rejected }
        const [far, near] = [await model.dpoGradients(pairs, reference, config), await model.dpoGradients(pairs, flat, config)]
        // The loss's slope is sigmoid(-margin), at margin 0 a half.
        const share = 2 / (1 + Math.exp(margin))
        expect(gradientError(far.gradients, new Map([...near.gradients].map(([name, values]) => [name, Float64Array.from(values, value => value * share)]))).error).toBeLessThan(1e-4)
      })
    }), { ...FIXED, numRuns: 12 })
  })
})
