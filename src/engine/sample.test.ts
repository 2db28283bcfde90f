import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { embeddedEngine } from './embedded.ts'
import type { Model, PolicyMismatch, SampledCompletion, SampleHooks, SampleRequest, SampleSettings } from './engine.ts'
import { readModelFolder } from './model-folder.ts'
import { checkWeights } from './models/decoder.ts'
import { decoderConfig } from './models/index.ts'
import { packRows, RopeTables } from './packing.ts'
import { nextTokenArrays, promptTrees } from './prefill.ts'
import { createRandom } from './rng.ts'
import type { Tensor } from './safetensors.ts'
import { sample } from './sample.ts'
import { decodeWeights, openDecodeSession } from './sampler.ts'
import type { Sampler } from './sampler.ts'
import { buildPrefillGraph } from './sampling-graph.ts'
import type { DecodeWeights } from './sampling-graph.ts'
import { GraphSession } from './session.ts'
import { weightFeeds } from './training-step.ts'

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

async function draw(requests: SampleRequest[], settings = SETTINGS, from = model, hooks?: SampleHooks): Promise<SampledCompletion[]> {
  const all: SampledCompletion[] = []
  for await (const batch of from.sample(requests, settings, undefined, hooks)) all.push(...batch)
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

/** A large model's way of decoding, on the small one. */
async function samplerOf(mode: DecodeWeights, path = folder): Promise<Sampler> {
  const { config, weights } = readModelFolder(path)
  const decoder = decoderConfig(config)
  const checked = checkWeights(decoder, weights, path)
  return { config: decoder, weights: weightFeeds(checked), mode, prefill: await GraphSession.create(buildPrefillGraph(decoder), 1), decode: once(() => openDecodeSession(decoder, checked, mode, { threads: 1 })) }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

async function drawWith(mode: DecodeWeights, settings: Partial<SampleSettings> = {}, hooks?: SampleHooks): Promise<SampledCompletion[]> {
  const sampler = await samplerOf(mode)
  const all: SampledCompletion[] = []
  for await (const batch of sample(sampler, requests, { ...SETTINGS, ...settings }, undefined, hooks)) all.push(...batch)
  await (await sampler.decode()).release()
  await sampler.prefill.release()
  return all
}

describe('continuous batching', () => {
  it('gives a sample its tokens whatever the batch size, alone too', async () => {
    const wanted = await draw(requests, { ...SETTINGS, batch_size: 1 })
    for (const batchSize of [2, 3, 5, 13, 64]) {
      const got = await draw(requests, { ...SETTINGS, batch_size: batchSize })
      expect(got.map(({ completionIds, finishReason }) => [completionIds, finishReason])).toEqual(wanted.map(({ completionIds, finishReason }) => [completionIds, finishReason]))
      got.forEach(({ logp, entropy }, i) => {
        expect(logp).toBeCloseTo(wanted[i]?.logp ?? NaN, 3)
        expect(entropy).toBeCloseTo(wanted[i]?.entropy ?? NaN, 3)
      })
    }
  })

  it('lets waiting requests start before the last of the batch has ended', async () => {
    const settings = { ...SETTINGS, batch_size: 7 }
    const order: number[] = []
    const all = await draw(requests, settings, model, { onToken: index => order.push(index) })
    const first = all.slice(0, settings.batch_size)
    expect(new Set(first.map(({ completionIds }) => completionIds.length)).size).toBeGreaterThan(1)
    const lastOfFirst = Math.max(...first.map(({ index }) => order.lastIndexOf(index)))
    expect(order.indexOf(settings.batch_size)).toBeLessThan(lastOfFirst)
  })

  it('streams each token of each request in order', async () => {
    const streamed = new Map<number, number[]>()
    const all: SampledCompletion[] = []
    for await (const batch of model.sample(requests, SETTINGS, undefined, { onToken: (index, id) => streamed.set(index, [...(streamed.get(index) ?? []), id]) })) {
      for (const { index, completionIds } of batch) expect(streamed.get(index)).toEqual(completionIds)
      all.push(...batch)
    }
    expect(all.map(({ index }) => index)).toEqual(requests.map((_, i) => i))
  })

  it('is right when several samples of a prompt are spread over refills', async () => {
    const many = requests.slice(0, 4).flatMap(({ promptIds }) => [1, 2, 3, 4, 5].map(seed => ({ promptIds, seed })))
    const all = await draw(many, { ...SETTINGS, batch_size: 3 })
    expect(all.map(({ completionIds }) => completionIds)).toEqual((await draw(many, { ...SETTINGS, batch_size: 64 })).map(({ completionIds }) => completionIds))
    const scored = await model.score(all.map(({ index, completionIds }) => ({ promptIds: many[index]?.promptIds ?? [], completionIds })))
    all.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
  })

  it('reads a long common beginning once, and draws what it would have drawn', async () => {
    const shared = Array.from({ length: 40 }, () => Math.floor(random() * 61))
    const prompts = [[...shared, 3], [...shared, 4, 5, 6], shared, [...shared.slice(0, 35), 9], [7, 8]]
    expect(promptTrees(prompts.map((ids, index) => ({ index, ids }))).map(({ trunk, prompts: members }) => [trunk, members.length])).toEqual([[35, 4], [2, 1]])
    const together = prompts.map((promptIds, seed) => ({ promptIds, seed }))
    const all = await draw(together)
    const alone = await draw(together, { ...SETTINGS, batch_size: 1 })
    expect(all.map(({ completionIds }) => completionIds)).toEqual(alone.map(({ completionIds }) => completionIds))
    const scored = await model.score(all.map(({ index, completionIds }) => ({ promptIds: prompts[index] ?? [], completionIds })))
    all.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
  })

  it('gives the same bits when a call is interrupted and repeated', async () => {
    const wanted = await draw(requests, { ...SETTINGS, batch_size: 4 })
    const controller = new AbortController()
    const interrupted = async (): Promise<void> => {
      for await (const _ of model.sample(requests, { ...SETTINGS, batch_size: 4 }, controller.signal)) controller.abort()
    }
    await expect(interrupted()).rejects.toThrow('abort')
    expect(await draw(requests, { ...SETTINGS, batch_size: 4 })).toEqual(wanted)
  })
})

describe('settings', () => {
  it('stop asks after each token and ends the completion with it', async () => {
    const free = await draw(requests, { ...SETTINGS, eosIds: [] })
    const stopped = await draw(requests, { ...SETTINGS, eosIds: [], stop: ids => ids.length >= 2 && (ids.at(-1) ?? 0) % 3 === 0 })
    stopped.forEach(({ completionIds, finishReason }, i) => {
      const all = free[i]?.completionIds ?? []
      const end = all.findIndex((id, t) => t >= 1 && id % 3 === 0)
      expect(completionIds).toEqual(end < 0 ? all : all.slice(0, end + 1))
      expect(finishReason).toBe(end < 0 ? 'length' : 'stop')
    })
  })

  it('top_k 1 is greedy, and a strong repetition penalty never repeats', async () => {
    const greedy = await draw(requests, { ...SETTINGS, greedy: true })
    expect((await draw(requests, { ...SETTINGS, top_k: 1 })).map(({ completionIds }) => completionIds)).toEqual(greedy.map(({ completionIds }) => completionIds))
    const fresh = await draw(requests, { ...SETTINGS, greedy: true, eosIds: [], repetition_penalty: 1e6 })
    for (const { index, completionIds } of fresh) {
      const all = [...new Set(requests[index]?.promptIds), ...completionIds]
      expect(new Set(all).size).toBe(all.length)
    }
  })

  it('draws as often as the filtered probabilities say (chi-square)', async () => {
    const promptIds = [5, 6, 7]
    const samples = 4000
    const settings = { ...SETTINGS, temperature: 1.3, top_k: 20, top_p: 0.9, min_p: 0.02, repetition_penalty: 1.2, max_new_tokens: 1, batch_size: 500 }
    const counts = new Map<number, number>()
    for (const { completionIds: [id = -1] } of await draw(Array.from({ length: samples }, (_, seed) => ({ promptIds, seed })), settings)) counts.set(id, (counts.get(id) ?? 0) + 1)
    // Another way to the same distribution: sort, cut, renormalise. Log-probabilities stand for logits up to a constant, which the penalty sees: the raw logits come from the graph.
    const sampler = await samplerOf('shared')
    const { feeds } = packRows([{ ids: promptIds, trunk: 3, branches: [], predictions: [{ at: 2, labels: [] }] }], sampler.config, 0)
    const next = nextTokenArrays(1, sampler.config)
    await sampler.prefill.run({ ...sampler.weights, ...new RopeTables(sampler.config).feeds(3), ...feeds, inverseTemperature: { data: Float32Array.of(1), dims: [1] } }, next)
    const weights = [...next.logits.data].map((logit, id) => Math.exp((promptIds.includes(id) ? (logit < 0 ? logit * 1.2 : logit / 1.2) : logit) / 1.3))
    let order = weights.map((weight, id) => ({ weight, id })).sort((a, b) => b.weight - a.weight).slice(0, 20)
    const twenty = order.reduce((sum, { weight }) => sum + weight, 0)
    let mass = 0
    order = order.filter(({ weight }) => {
      const isKept = mass < 0.9 * twenty
      mass += weight
      return isKept
    }).filter(({ weight }, _, [first]) => weight >= 0.02 * (first?.weight ?? NaN))
    const total = order.reduce((sum, { weight }) => sum + weight, 0)
    expect([...counts.keys()].filter(id => !order.some(kept => kept.id === id))).toEqual([])
    const statistic = order.reduce((sum, { weight, id }) => sum + ((counts.get(id) ?? 0) - (samples * weight) / total) ** 2 / ((samples * weight) / total), 0)
    const degrees = order.length - 1
    expect(degrees).toBeGreaterThan(5)
    const score = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / Math.sqrt(2 / (9 * degrees))
    expect(Math.abs(score)).toBeLessThan(4)
    await (await sampler.decode()).release()
    await sampler.prefill.release()
  })

  it('refuses values that make no sense, saying what was expected', async () => {
    await expect(draw(requests, { ...SETTINGS, top_k: -1 })).rejects.toThrow('top_k: expected a whole number from 1, or 0 for all tokens, got -1')
    await expect(draw(requests, { ...SETTINGS, min_p: 1.5 })).rejects.toThrow('min_p: expected a number from 0 to 1, got 1.5')
    await expect(draw(requests, { ...SETTINGS, repetition_penalty: 0 })).rejects.toThrow('repetition_penalty: expected a number above 0 (1 changes nothing), got 0')
    await expect(draw(requests, { ...SETTINGS, top_p: 0 })).rejects.toThrow('top_p: expected a number above 0 and at most 1, got 0')
  })
})

describe('weights while decoding', () => {
  it('frozen, a copy in the kernels’ layout, give the same completions', async () => {
    const frozen = await drawWith('frozen')
    expect(frozen.map(({ completionIds }) => completionIds)).toEqual((await draw(requests)).map(({ completionIds }) => completionIds))
    const scored = await model.score(frozen.map(({ index, completionIds }) => ({ promptIds: requests[index]?.promptIds ?? [], completionIds })))
    frozen.forEach(({ logp }, i) => expect(logp).toBeCloseTo((scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0), 3))
    expect(await drawWith('frozen')).toEqual(frozen)
  })

  it('are read from the left for many rows, and draw the same policy', async () => {
    const swapped = await drawWith('swapped')
    expect(swapped.map(({ completionIds }) => completionIds)).toEqual((await draw(requests)).map(({ completionIds }) => completionIds))
    expect(await drawWith('swapped')).toEqual(swapped)
  })

  it('are frozen for few rows of large models that fit twice, by size alone', () => {
    const weights = (count: number): Map<string, Tensor> => new Map([['w', { name: 'w', shape: [count], data: { length: count } as Float32Array }]])
    expect(decodeWeights(weights(4_000_000), { rows: 32, steps: 500 }, 16e9)).toBe('shared')
    expect(decodeWeights(weights(135_000_000), { rows: 1, steps: 500 }, 16e9)).toBe('frozen')
    expect(decodeWeights(weights(135_000_000), { rows: 1, steps: 20 }, 16e9)).toBe('swapped')
    expect(decodeWeights(weights(135_000_000), { rows: 32, steps: 500 }, 16e9)).toBe('swapped')
    expect(decodeWeights(weights(1_100_000_000), { rows: 1, steps: 500 }, 16e9)).toBe('swapped')
  })

  it('in 8 bits draw from nearly the same policy, and say how nearly', async () => {
    const small = writeRandomModel({ hidden_size: 64, intermediate_size: 96 }, 1, 0.1)
    const narrow = await embeddedEngine.load(small)
    const mismatches: PolicyMismatch[] = []
    const all: SampledCompletion[] = []
    for await (const batch of narrow.sample(requests, { ...SETTINGS, weights: 'int8', eosIds: [] }, undefined, { onPolicyMismatch: mismatch => mismatches.push(mismatch) })) all.push(...batch)
    expect(mismatches).toHaveLength(1)
    // Every token but the first of each, which float32 draws.
    expect(mismatches[0]?.tokens).toBe(requests.length * (SETTINGS.max_new_tokens - 1))
    expect(mismatches[0]?.klPerToken).toBeGreaterThan(1e-9)
    expect(mismatches[0]?.klPerToken).toBeLessThan(1e-3)
    // The drawn tokens' own log-probabilities are those of the 8-bit policy: close to float32's, and not equal.
    const scored = await narrow.score(all.map(({ index, completionIds }) => ({ promptIds: requests[index]?.promptIds ?? [], completionIds })))
    const gaps = all.map(({ logp }, i) => Math.abs(logp - (scored[i] ?? new Float32Array()).reduce((a, b) => a + b, 0)))
    expect(Math.max(...gaps)).toBeLessThan(0.5)
    expect(Math.max(...gaps)).toBeGreaterThan(1e-4)
    await narrow.dispose()
    rmSync(small, { recursive: true })
  })

  it('in 8 bits the measure is zero where nothing is rounded', async () => {
    // The meter itself: frozen float32 weights, measured as if they were 8-bit ones.
    const sampler = { ...(await samplerOf('frozen')), mode: 'int8' as const }
    const mismatches: PolicyMismatch[] = []
    for await (const _ of sample(sampler, requests, SETTINGS, undefined, { onPolicyMismatch: mismatch => mismatches.push(mismatch) })) { /* measured at the end */ }
    expect(Math.abs(mismatches[0]?.klPerToken ?? NaN)).toBeLessThan(1e-6)
    expect(mismatches[0]?.tokens).toBeGreaterThan(20)
    await (await sampler.decode()).release()
    await sampler.prefill.release()
  })

  it('refuses 8 bits for rows that do not divide into blocks', async () => {
    await expect(draw(requests, { ...SETTINGS, weights: 'int8' })).rejects.toThrow('int8 weights: expected rows of a multiple of 32 numbers, "model.layers.0.mlp.down_proj.weight" has rows of 48; sample this model in float32')
    // The model is not hurt by the refusal.
    expect((await draw(requests)).length).toBe(requests.length)
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
