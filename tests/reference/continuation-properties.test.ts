/** Training interrupted anywhere and continued from its checkpoint: every bit as if it had not been. */
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, LoadOptions, StepMetrics, TrainerState, TrainHooks } from '../../src/engine/engine.ts'
import { architecture, dpoConfig, FIXED, pairShapes, pairsOf, referenceOf, writeArchitecture } from '../support/random-cases.ts'

function copyOf({ step, weights, optimizer }: TrainerState): TrainerState {
  const copy = (arrays: Map<string, Float32Array>): Map<string, Float32Array> => new Map([...arrays].map(([name, values]) => [name, values.slice()]))
  return { step, weights: copy(weights), optimizer: copy(optimizer) }
}

const schedule = fc.record({
  optim: fc.constantFrom('adamw_torch' as const, 'rmsprop' as const),
  learning_rate: fc.constantFrom(1e-3, 1e-2),
  weight_decay: fc.constantFrom(0, 0.05),
  max_grad_norm: fc.constantFrom(0, 0.5),
  lr_scheduler_type: fc.constantFrom('linear' as const, 'cosine' as const, 'constant' as const, 'constant_with_warmup' as const),
  warmup_steps: fc.constantFrom(0, 0.3, 2),
  per_device_train_batch_size: fc.integer({ min: 1, max: 4 }),
  gradient_accumulation_steps: fc.integer({ min: 1, max: 3 }),
  max_steps: fc.integer({ min: 2, max: 7 }),
  seed: fc.nat(1e6),
})

describe.each(['dpo', 'language-model'] as const)('%s training', objective => {
  it('continued from a random step ends with the bits of the uninterrupted run', async () => {
    await fc.assert(fc.asyncProperty(architecture, pairShapes({ pairs: 9, prompt: 40, completion: 15 }), schedule, dpoConfig(false), fc.boolean(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (kind, shapes, changes, losses, isLora, share) => {
      const folder = writeArchitecture(kind)
      const config: DpoConfig = { ...losses, ...changes }
      const pairs = pairsOf(shapes, config.seed)
      const sequences = pairs.map(({ promptIds, chosenIds }) => ({ ids: [...promptIds, ...chosenIds], lossMask: [...promptIds.map(() => 0), ...chosenIds.map(() => 1)] }))
      const stop = 1 + Math.floor(share * (config.max_steps - 1))
      // Another beginning of the adapter: what continues must come from the checkpoint.
      const options = (seed: number): LoadOptions => (isLora ? { newAdapter: { r: 3, lora_alpha: 6, target_modules: null, use_rslora: false, seed } } : {})
      const train = async (load: LoadOptions, hooks: TrainHooks): Promise<{ steps: StepMetrics[]; states: TrainerState[]; scores: Float32Array[] }> => {
        const model = await embeddedEngine.load(folder, load)
        const steps: StepMetrics[] = []
        const states: TrainerState[] = []
        const all: TrainHooks = { ...hooks, onStep: metrics => void steps.push(metrics), onCheckpoint: state => void states.push(copyOf(state)) }
        await (objective === 'dpo' ? model.trainDpo(pairs, referenceOf(pairs, 1), config, all) : model.trainLanguageModel(sequences, config, all))
        const scores = await model.score(pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds })))
        await model.dispose()
        return { steps, states, scores }
      }
      const whole = await train(options(1), { checkpointEvery: stop })
      const [checkpoint] = whole.states
      expect(checkpoint?.step).toBe(stop)
      const before = copyOf(checkpoint!)
      const rest = await train(options(2), { resumeFrom: checkpoint! })
      expect(rest.steps).toEqual(whole.steps.slice(stop))
      expect(rest.states).toEqual([whole.states.at(-1)])
      expect(rest.scores).toEqual(whole.scores)
      expect(checkpoint).toEqual(before)
      rmSync(folder, { recursive: true })
    }), { ...FIXED, numRuns: 10 })
  })
})
