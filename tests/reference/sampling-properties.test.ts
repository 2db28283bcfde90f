/** Sampling over random architectures and ragged prompts: what decoding with a cache draws and says is what scoring says. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Model, SampledCompletion, SampleRequest, SampleSettings } from '../../src/engine/engine.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { completionLogps, nextTokenLogps } from '../support/float64-decoder.ts'
import { architecture, FIXED, float64Model, lengthUpTo, randomIds, VOCABULARY, withModel } from '../support/random-cases.ts'

const SETTINGS: SampleSettings = { temperature: 1, top_p: 1, max_new_tokens: 8, greedy: false, batch_size: 4, eosIds: [2] }

/** `start`: tokens of a beginning that all prompts may share; `isRepeated` asks for another sample of the prompt before. */
type PromptShape = { length: number; hasStart: boolean; isRepeated: boolean }

const prompts = fc.record({
  start: fc.integer({ min: 1, max: 60 }),
  shapes: fc.integer({ min: 1, max: 32 }).chain(count => fc.array(fc.record({ length: lengthUpTo(200), hasStart: fc.boolean(), isRepeated: fc.boolean() }), { minLength: count, maxLength: count })),
  seed: fc.nat(1e6),
})

function requestsOf({ start, shapes, seed }: { start: number; shapes: PromptShape[]; seed: number }): SampleRequest[] {
  const random = createRandom(seed)
  const beginning = randomIds(random, start)
  let promptIds: number[] = []
  return shapes.map(({ length, hasStart, isRepeated }, i) => {
    if (!isRepeated || i === 0) promptIds = [...(hasStart ? beginning : []), ...randomIds(random, length)]
    return { promptIds, seed: seed + i }
  })
}

async function draw(model: Model, requests: SampleRequest[], settings: SampleSettings): Promise<SampledCompletion[]> {
  const all: SampledCompletion[] = []
  for await (const batch of model.sample(requests, settings)) all.push(...batch)
  return all
}

const total = (logps: ArrayLike<number> | undefined): number => Array.from(logps ?? [NaN]).reduce((a, b) => a + b, 0)

describe('a sample\'s log-probability', () => {
  it('is scoring\'s and float64\'s of its tokens (1e-4), and a token\'s its own, whatever is drawn beside it', async () => {
    await fc.assert(fc.asyncProperty(architecture, prompts, fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 24 }), async (kind, shapes, batchSize, maxNew) => {
      await withModel(kind, async (model, folder) => {
        const requests = requestsOf(shapes)
        const settings = { ...SETTINGS, batch_size: batchSize, max_new_tokens: maxNew }
        const drawn = await draw(model, requests, settings)
        const scored = await model.score(drawn.map(({ completionIds }, i) => ({ promptIds: requests[i]!.promptIds, completionIds })))
        const float64 = float64Model(folder, kind)
        drawn.forEach(({ logp, completionIds }, i) => {
          expect(Math.abs(logp - total(scored[i]))).toBeLessThan(1e-4)
          expect(Math.abs(logp - total(completionLogps(float64, requests[i]!.promptIds, completionIds)))).toBeLessThan(1e-4)
        })
        // The other way round, in other company, and alone.
        const backward = (await draw(model, requests.toReversed(), { ...settings, batch_size: 1 + (batchSize % 7) })).toReversed()
        const [alone] = await draw(model, requests.slice(0, 1), settings)
        for (const [i, other] of [...backward.entries(), [0, alone!] as const]) {
          expect(other.completionIds).toEqual(drawn[i]!.completionIds)
          expect(Math.abs(other.logp - drawn[i]!.logp)).toBeLessThan(1e-4)
        }
      })
    }), { ...FIXED, numRuns: 14 })
  })
})

describe('greedy sampling', () => {
  it('takes at each step the likeliest of all tokens as scoring and float64 find them', async () => {
    await fc.assert(fc.asyncProperty(architecture, prompts, async (kind, shapes) => {
      await withModel(kind, async (model, folder) => {
        const requests = requestsOf(shapes).slice(0, 6)
        const drawn = await draw(model, requests, { ...SETTINGS, greedy: true })
        const float64 = float64Model(folder, kind)
        const steps = drawn.flatMap(({ completionIds }, i) => completionIds.map((id, t) => ({ id, before: [...requests[i]!.promptIds, ...completionIds.slice(0, t)] })))
        const scored = await model.score(steps.flatMap(({ before }) => Array.from({ length: VOCABULARY }, (_, id) => ({ promptIds: before, completionIds: [id] }))))
        steps.forEach(({ id, before }, s) => {
          const engine = scored.slice(s * VOCABULARY, (s + 1) * VOCABULARY).map(([logp]) => logp ?? NaN)
          const [wanted] = nextTokenLogps(float64, before, before.length - 1)
          // Of two within rounding of each other either may be taken.
          for (const logps of [engine, [...wanted!]]) expect(logps[id]).toBeGreaterThan(Math.max(...logps) - 1e-5)
        })
      })
    }), { ...FIXED, numRuns: 8 })
  })
})
