import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { embeddedEngine } from './embedded.ts'
import type { Model, SampledCompletion, SampleRequest, SampleSettings } from './engine.ts'
import { createRandom } from './rng.ts'
import { drawToken, NucleusFinder } from './token-choice.ts'

const SETTINGS: SampleSettings = { temperature: 0.8, top_p: 0.95, max_new_tokens: 9, greedy: false, batch_size: 5, eosIds: [2, 17, 33] }

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

async function draw(requests: SampleRequest[], settings = SETTINGS, from = model): Promise<SampledCompletion[]> {
  const all: SampledCompletion[] = []
  for await (const batch of from.sample(requests, settings)) all.push(...batch)
  return all
}

const random = createRandom(3)
const requests: SampleRequest[] = Array.from({ length: 13 }, (_, i) => ({ promptIds: Array.from({ length: 1 + ((i * 5) % 11) }, () => Math.floor(random() * 61)), seed: 100 + (i % 9) }))

describe('sampling', () => {
  it('gives the same output for the same seeds and plan, bit for bit', async () => {
    const again = await embeddedEngine.load(folder)
    const first = await draw(requests)
    expect(first.map(({ index }) => index)).toEqual(requests.map((_, i) => i))
    expect(await draw(requests, SETTINGS, again)).toEqual(first)
    await again.dispose()
  })

  it('gives each sample its own random numbers, whatever stands beside it', async () => {
    const forward = await draw(requests)
    const backward = await draw(requests.toReversed(), { ...SETTINGS, batch_size: 4 })
    expect(backward.toReversed().map(({ completionIds }) => completionIds)).toEqual(forward.map(({ completionIds }) => completionIds))
  })

  it('ends at an eos id, which is part of the completion, or at max_new_tokens', async () => {
    const all = await draw(requests)
    expect(new Set(all.map(({ finishReason }) => finishReason))).toEqual(new Set(['stop', 'length']))
    for (const { completionIds, finishReason } of all) {
      const firstEos = completionIds.findIndex(id => SETTINGS.eosIds.includes(id))
      if (finishReason === 'stop') expect(firstEos).toBe(completionIds.length - 1)
      else expect([firstEos, completionIds.length]).toEqual([-1, 9])
    }
  })

  it('reports the log-probability that scoring finds', async () => {
    const all = await draw(requests)
    const scored = await model.score(all.map(({ index, completionIds }) => ({ promptIds: requests[index]?.promptIds ?? [], completionIds })))
    all.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
  })

  it('is right for heads of a width that the cached operator does not take', async () => {
    const narrow = writeRandomModel({ hidden_size: 24, num_attention_heads: 4, num_key_value_heads: 2 })
    const other = await embeddedEngine.load(narrow)
    const all = await draw(requests, SETTINGS, other)
    const scored = await other.score(all.map(({ index, completionIds }) => ({ promptIds: requests[index]?.promptIds ?? [], completionIds })))
    all.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
    await other.dispose()
    rmSync(narrow, { recursive: true })
  })

  it('takes the likeliest token when greedy', async () => {
    const [first] = await draw(requests.slice(0, 1), { ...SETTINGS, greedy: true, max_new_tokens: 1 })
    const scores = await model.score(Array.from({ length: 61 }, (_, id) => ({ promptIds: requests[0]?.promptIds ?? [], completionIds: [id] })))
    const likeliest = scores.reduce((best, score, id) => ((score[0] ?? NaN) > (scores[best]?.[0] ?? NaN) ? id : best), 0)
    expect(first?.completionIds).toEqual([likeliest])
  })

  it('refuses what would not fit the context', async () => {
    await expect(draw([{ promptIds: new Array<number>(120).fill(3), seed: 1 }])).rejects.toThrow('within 128 tokens (max_position_embeddings), got 120 + 9 = 129')
    await expect(draw(requests, { ...SETTINGS, temperature: 0 })).rejects.toThrow('temperature: expected a number above 0, got 0')
    await expect(draw([{ promptIds: [61], seed: 1 }])).rejects.toThrow('request 0: expected token ids below 61 (vocab_size), got 61')
  })

  it('draws two tokens as often as their probability says (chi-square)', async () => {
    // All pairs of tokens after one prompt, temperature 1, no cut: expected frequencies from scoring.
    const promptIds = [5, 6, 7]
    const samples = 4000
    const settings = { ...SETTINGS, temperature: 1, top_p: 1, max_new_tokens: 2, batch_size: 500, eosIds: [] }
    const counts = new Map<string, number>()
    for (const { completionIds } of await draw(Array.from({ length: samples }, (_, seed) => ({ promptIds, seed })), settings)) counts.set(completionIds.join(' '), (counts.get(completionIds.join(' ')) ?? 0) + 1)
    const all = Array.from({ length: 61 * 61 }, (_, i) => [Math.floor(i / 61), i % 61])
    const scores = await model.score(all.map(completionIds => ({ promptIds, completionIds })))
    let statistic = 0
    let degrees = -1
    let [restExpected, restCount] = [0, 0]
    all.forEach((ids, i) => {
      const expected = samples * Math.exp((scores[i] ?? new Float32Array()).reduce((a, b) => a + b, 0))
      const count = counts.get(ids.join(' ')) ?? 0
      if (expected < 5) {
        restExpected += expected
        restCount += count
        return
      }
      statistic += (count - expected) ** 2 / expected
      degrees++
    })
    if (restExpected > 0) {
      statistic += (restCount - restExpected) ** 2 / restExpected
      degrees++
    }
    expect(degrees).toBeGreaterThan(20)
    // Wilson-Hilferty: a standard normal score of the statistic; the seeds are fixed, 4 would be one run in 30,000.
    const score = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / Math.sqrt(2 / (9 * degrees))
    expect(Math.abs(score)).toBeLessThan(4)
  })
})

describe('top-p', () => {
  it('keeps the smallest set that reaches it, the crossing token included', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 }), fc.double({ min: 0.01, max: 0.999, noNaN: true }), (weights, topP) => {
        const sum = weights.reduce((a, b) => a + b, 0)
        fc.pre(sum > 0)
        const probabilities = Float32Array.from(weights, weight => weight / sum)
        const order = [...probabilities.keys()].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b)
        const wanted: number[] = []
        let mass = 0
        for (const id of order) {
          if (wanted.length > 0 && mass >= topP) break
          wanted.push(id)
          mass += probabilities[id] ?? 0
        }
        // Sums taken in another order may fall on the other side of top_p by a rounding error.
        fc.pre(Math.abs(mass - topP) > 1e-9 && Math.abs(mass - (probabilities[wanted.at(-1) ?? 0] ?? 0) - topP) > 1e-9)
        expect([...new NucleusFinder().keep(probabilities, topP)]).toEqual(wanted.sort((a, b) => a - b))
      }),
    )
  })

  it('reports the entropy of what it draws from', () => {
    const probabilities = Float32Array.of(0.4, 0.3, 0.2, 0.1)
    const logps = probabilities.map(Math.log)
    expect(drawToken(logps, probabilities, 1, 1, new NucleusFinder(), 0.5).entropy).toBeCloseTo(1.27985, 5)
    // 4/7 and 3/7 are left.
    expect(drawToken(logps, probabilities, 1, 0.6, new NucleusFinder(), 0.9)).toEqual({ id: 1, entropy: expect.closeTo(0.68291, 5) as number })
  })
})

describe('random numbers', () => {
  it('are uniform and depend on every seed', () => {
    const next = createRandom(1)
    const values = Array.from({ length: 20000 }, () => next())
    expect(values.reduce((a, b) => a + b) / values.length).toBeCloseTo(0.5, 2)
    expect(values.reduce((a, b) => a + b * b) / values.length).toBeCloseTo(1 / 3, 2)
    const firsts = [createRandom(1)(), createRandom(2)(), createRandom(1, 0)(), createRandom(1, 1)(), createRandom(2 ** 32 + 1)(), createRandom(-1)()]
    expect(new Set(firsts).size).toBe(firsts.length)
  })
})
