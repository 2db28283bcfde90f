/** The project's own fixtures of TRL (`scripts/reference.py`): every loss, accumulation with clipping, schedules. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { DpoConfig, Model, OptimizerConfig, StepMetrics, TokenPair } from '../../src/engine/engine.ts'
import { gradientNorm } from '../../src/engine/optimizer.ts'
import { readSafetensors } from '../../src/engine/safetensors.ts'
import { learningRate } from '../../src/engine/schedule.ts'
import { goldenSets } from '../support/golden-sets.ts'
import type { GoldenSet } from '../support/golden-sets.ts'
import { DPO } from './train-config.ts'

type Side = { prompt_ids: number[]; completion_ids: number[] }
type Losses = { reference: { chosen: number[]; rejected: number[] }; runs: Record<string, { config: Partial<DpoConfig>; loss: number; grad_norm: number }> }
type Schedule = { lr_scheduler_type: OptimizerConfig['lr_scheduler_type']; warmup_steps: number; steps: number; learning_rate: number; rates: number[] }

const own = goldenSets().filter(({ folder }) => folder.startsWith(join(import.meta.dirname, 'golden')))

function pairsOf(set: GoldenSet): TokenPair[] {
  const scores = set.read('score.json') as { chosen: Side; rejected: Side }[]
  return scores.map(({ chosen, rejected }) => ({ promptIds: chosen.prompt_ids, chosenIds: chosen.completion_ids, rejectedIds: rejected.completion_ids }))
}

async function ownLogps(model: Model, pairs: TokenPair[]): Promise<{ chosen: Float64Array; rejected: Float64Array }> {
  const side = async (key: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> =>
    Float64Array.from(await model.score(pairs.map(pair => ({ promptIds: pair.promptIds, completionIds: pair[key] }))), logps => logps.reduce((a, b) => a + b, 0))
  return { chosen: await side('chosenIds'), rejected: await side('rejectedIds') }
}

describe.each(own)('$name', set => {
  const { reference, runs } = set.read('dpo-losses.json') as Losses
  const pairs = pairsOf(set)

  test.each(Object.entries(runs))('%s: loss and gradients of the first step as TRL\'s (1e-5 and 1e-4 of the largest entry)', async (name, { config, loss: wantedLoss, grad_norm: wantedNorm }) => {
    const model = await embeddedEngine.load(set.folder)
    const { loss, gradients } = await model.dpoGradients(pairs, { chosen: Float64Array.from(reference.chosen), rejected: Float64Array.from(reference.rejected) }, { ...DPO, ...config })
    await model.dispose()
    expect(Math.abs(loss / wantedLoss - 1)).toBeLessThan(1e-5)
    expect(Math.abs(gradientNorm(gradients.values()) / wantedNorm - 1)).toBeLessThan(1e-4)
    const kept = [...readSafetensors(join(set.folder, 'golden', 'dpo-losses.safetensors'))].filter(([key]) => key.startsWith(`${name} `))
    expect(kept).toHaveLength(3)
    for (const [key, { data }] of kept) {
      const got = gradients.get(key.slice(name.length + 1))
      const largest = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      const worst = data.reduce((top, value, i) => Math.max(top, Math.abs(value - (got?.[i] ?? NaN))), 0)
      expect(worst / largest, key).toBeLessThan(1e-4)
    }
  })

  test('accumulation, clipping and constant_with_warmup train as TRL does', async () => {
    const { config, log } = set.read('dpo-accumulated.json') as { config: Partial<DpoConfig>; log: Record<string, number>[] }
    const model = await embeddedEngine.load(set.folder)
    const steps: StepMetrics[] = []
    await model.trainDpo(pairs, await ownLogps(model, pairs), { ...DPO, ...config }, { onStep: step => void steps.push(step) })
    await model.dispose()
    expect(steps).toHaveLength(log.length)
    // Clipped: without it every step would be another.
    expect(log[0]?.grad_norm).toBeGreaterThan(3 * (config.max_grad_norm ?? Infinity))
    for (const [i, wanted] of log.entries()) {
      // Means over batches that the trainers draw differently are left out.
      for (const name of ['loss', 'grad_norm', 'learning_rate', 'num_tokens', 'epoch', 'rewards/chosen', 'rewards/rejected', 'rewards/margins', 'rewards/accuracies', 'logps/chosen', 'logps/rejected']) {
        // Before the first update margins are rounding alone.
        if (name === 'rewards/accuracies' && wanted['rewards/margins'] === 0) continue
        const [value, got] = [wanted[name] ?? NaN, steps[i]?.[name] ?? NaN]
        expect(Math.abs(got - value), `step ${i + 1} ${name}: expected ${value}, got ${got}`).toBeLessThanOrEqual(Math.max(1e-3 * Math.abs(value), 1e-4))
      }
      expect(Math.abs((steps[i]?.learning_rate ?? NaN) - (wanted.learning_rate ?? NaN))).toBeLessThan(1e-9)
    }
  })
})

test('learning rates are those of transformers.get_scheduler', () => {
  const schedules = JSON.parse(readFileSync(join(import.meta.dirname, 'golden', 'schedules.json'), 'utf8')) as Schedule[]
  expect(new Set(schedules.map(({ lr_scheduler_type: type }) => type))).toEqual(new Set(['linear', 'cosine', 'constant', 'constant_with_warmup']))
  for (const { rates, steps, ...schedule } of schedules) {
    const got = rates.map((_, i) => learningRate({ ...schedule, min_lr_rate: 0 }, i + 1, steps))
    rates.forEach((rate, i) => expect(Math.abs((got[i] ?? NaN) - rate), `${schedule.lr_scheduler_type} step ${i + 1}`).toBeLessThan(1e-12))
  }
})
