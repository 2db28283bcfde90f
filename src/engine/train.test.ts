import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { DPO, TRAIN } from '../../tests/reference/train-config.ts'
import { embeddedEngine } from './embedded.ts'
import type { DpoConfig, Model, RewardRow, StepMetrics, TokenPair, TokenSequence, TrainerState, TrainHooks } from './engine.ts'
import { readModelFolder } from './model-folder.ts'
import { decoderConfig } from './models/index.ts'
import { createRandom } from './rng.ts'
import { runDpoBatch } from './tasks.ts'
import { DivergedError, lengthGroupedBatches, shuffledBatches, stepsForTokens, totalSteps } from './train.ts'
import { memoryPlan, TrainingStep } from './training-step.ts'
import type { RowSize } from './training-step.ts'

const folders: string[] = []
let folder = ''
const random = createRandom(5)
const ids = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(random() * 58))
const pairs: TokenPair[] = Array.from({ length: 10 }, (_, i) => ({ promptIds: ids(3 + (i % 5)), chosenIds: ids(1 + (i % 4)), rejectedIds: ids(1 + ((i * 3) % 7)) }))
const sequences: TokenSequence[] = Array.from({ length: 12 }, (_, i) => ({ ids: ids(4 + i), lossMask: Array.from({ length: 4 + i }, (_, t) => Number(t % 3 !== 0)) }))

beforeAll(() => {
  folder = writeRandomModel()
  folders.push(folder)
})
afterAll(() => folders.forEach(path => rmSync(path, { recursive: true })))

async function referenceOf(model: Model): Promise<{ chosen: Float64Array; rejected: Float64Array }> {
  const side = async (key: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> =>
    Float64Array.from(await model.score(pairs.map(pair => ({ promptIds: pair.promptIds, completionIds: pair[key] }))), logps => logps.reduce((a, b) => a + b, 0))
  return { chosen: await side('chosenIds'), rejected: await side('rejectedIds') }
}

function copyState(state: TrainerState): TrainerState {
  const copy = (arrays: Map<string, Float32Array>): Map<string, Float32Array> => new Map([...arrays].map(([name, values]) => [name, values.slice()]))
  return { step: state.step, weights: copy(state.weights), optimizer: copy(state.optimizer) }
}

it('a model asked between two steps answers with the weights of the step, and trains on as if nobody had asked', async () => {
  const config: DpoConfig = { ...DPO, per_device_train_batch_size: 3, num_train_epochs: 3, learning_rate: 0.05 }
  const settings = { temperature: 1, top_p: 1, max_new_tokens: 8, greedy: true, batch_size: 4, eosIds: [1] }
  const answer = async (model: Model): Promise<number[][]> => {
    const answers: number[][] = []
    for await (const batch of model.sample(pairs.slice(0, 4).map(({ promptIds }) => ({ promptIds, seed: 0 })), settings)) answers.push(...batch.map(({ completionIds }) => completionIds))
    return answers
  }
  const [quiet, asked] = [await embeddedEngine.load(folder, { threads: 1 }), await embeddedEngine.load(folder, { threads: 1 })]
  const reference = await referenceOf(quiet)
  const [states, answers] = [[] as TrainerState[], [] as number[][][]]
  await quiet.trainDpo(pairs, reference, config, { onCheckpoint: state => void states.push(copyState(state)) })
  await asked.trainDpo(pairs, reference, config, { onStep: async () => void answers.push(await answer(asked)), onCheckpoint: state => void states.push(copyState(state)) })
  expect(states[1]).toEqual(states[0])
  expect(answers).toHaveLength(12)

  const stopped = await embeddedEngine.load(folder, { threads: 1 })
  const stop = new AbortController()
  await expect(stopped.trainDpo(pairs, reference, config, { signal: stop.signal, onStep: ({ step }) => { if (step === 5) stop.abort(new Error('stop')) } })).rejects.toThrow('stop')
  expect(answers[4]).toEqual(await answer(stopped))
  expect(answers[11]).toEqual(await answer(quiet))
  expect(answers[11]).not.toEqual(answers[0])
  await Promise.all([quiet, asked, stopped].map(model => model.dispose()))
})

describe('a continued run', () => {
  const dpo: DpoConfig = { ...DPO, per_device_train_batch_size: 3, gradient_accumulation_steps: 2, num_train_epochs: 4, lr_scheduler_type: 'cosine', warmup_steps: 0.2, weight_decay: 0.01 }
  it.each([['adamw_torch', 1], ['rmsprop', 2]] as const)('equals the uninterrupted one bit for bit (%s, %i threads)', async (optim, threads) => {
    const config = { ...dpo, optim }
    const whole = await embeddedEngine.load(folder, { threads })
    const reference = await referenceOf(whole)
    const wholeMetrics: StepMetrics[] = []
    const states: TrainerState[] = []
    await whole.trainDpo(pairs, reference, config, { onStep: step => void wholeMetrics.push(step), onCheckpoint: state => void states.push(copyState(state)), checkpointEvery: 3 })
    expect(wholeMetrics).toHaveLength(8)
    expect(states.map(state => state.step)).toEqual([3, 6, 8])

    const continued = await embeddedEngine.load(folder, { threads })
    const metrics: StepMetrics[] = []
    const ends: TrainerState[] = []
    const [resumeFrom] = states
    await continued.trainDpo(pairs, reference, config, { ...(resumeFrom && { resumeFrom }), onStep: step => void metrics.push(step), onCheckpoint: state => void ends.push(copyState(state)) })
    expect(metrics).toEqual(wholeMetrics.slice(3))
    expect(ends.at(-1)).toEqual(states.at(-1))
    await Promise.all([whole.dispose(), continued.dispose()])
  })

  it('stops when told, after storing its last step', async () => {
    const model = await embeddedEngine.load(folder)
    const abort = new AbortController()
    const saved: number[] = []
    const run = model.trainDpo(pairs, await referenceOf(model), dpo, { signal: abort.signal, onStep: ({ step }) => { if (step === 2) abort.abort(new Error('paused')) }, onCheckpoint: state => void saved.push(state.step) })
    await expect(run).rejects.toThrow('paused')
    expect(saved).toEqual([2])
    await model.dispose()
  })
})

describe('gradient accumulation', () => {
  it('takes the step that the whole batch takes', async () => {
    const results = await Promise.all([[10, 1], [5, 2]].map(async ([size = 0, accumulate = 0]) => {
      const model = await embeddedEngine.load(folder)
      const metrics: StepMetrics[] = []
      const reference = { chosen: new Float64Array(10).fill(-9), rejected: new Float64Array(10).fill(-14) }
      await model.trainDpo(pairs, reference, { ...DPO, per_device_train_batch_size: size, gradient_accumulation_steps: accumulate, num_train_epochs: 2 }, { onStep: step => void metrics.push(step) })
      await model.dispose()
      return metrics
    }))
    results[0]?.forEach((step, i) => {
      for (const name of ['loss', 'grad_norm', 'rewards/margins', 'num_tokens', 'epoch']) expect(results[1]?.[i]?.[name], name).toBeCloseTo(step[name] ?? NaN, 4)
    })
  })

  it('counts tokens, not batches, in the next-token loss', async () => {
    const losses = await Promise.all([[12, 1], [5, 3]].map(async ([size = 0, accumulate = 0]) => {
      const model = await embeddedEngine.load(folder)
      let first: StepMetrics | undefined
      await model.trainLanguageModel(sequences, { ...TRAIN, per_device_train_batch_size: size, gradient_accumulation_steps: accumulate, max_steps: 1 }, { onStep: step => void (first ??= step) })
      await model.dispose()
      return first
    }))
    for (const name of ['loss', 'grad_norm', 'entropy', 'mean_token_accuracy', 'num_tokens']) expect(losses[1]?.[name], name).toBeCloseTo(losses[0]?.[name] ?? NaN, 4)
  })
})

describe('the next-token loss', () => {
  it('is the mean negative log-probability that scoring finds, and falls', async () => {
    const model = await embeddedEngine.load(folder)
    const scored = await model.score(sequences.map(row => ({ promptIds: row.ids.slice(0, 1), completionIds: row.ids.slice(1) })))
    const wanted = sequences.flatMap((row, i) => row.ids.slice(1).flatMap((_, t) => (row.lossMask[t + 1] ? [scored[i]?.[t] ?? NaN] : [])))
    const losses: number[] = []
    await model.trainLanguageModel(sequences, { ...TRAIN, learning_rate: 1e-2, per_device_train_batch_size: 12, num_train_epochs: 30 }, { onStep: ({ loss }) => void losses.push(loss) })
    expect(losses[0]).toBeCloseTo(-wanted.reduce((a, b) => a + b) / wanted.length, 4)
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3)
    await model.dispose()
  })
})

describe('saving memory', () => {
  it.each([['a head in chunks', { chunks: 3, lean: false, checkpointed: false }], ['attention computed again', { chunks: 1, lean: true, checkpointed: false }], ['layers computed again', { chunks: 1, lean: false, checkpointed: true }]])('%s gives the same gradients', async (_, plan) => {
    const { config, weights } = readModelFolder(folder)
    const decoder = decoderConfig(config)
    const [plain, saving] = await Promise.all([{ chunks: 1, lean: false, checkpointed: false }, plan].map(async memory => {
      const step = await TrainingStep.create(decoder, 'dpo', weights, 1, memory)
      await runDpoBatch(step, decoder, pairs, { chosen: new Float64Array(10).fill(-9), rejected: new Float64Array(10).fill(-14) }, [0, 1, 2, 5], { ...DPO, loss_type: ['sigmoid', 'sft'] }, 1, true)
      await step.release()
      return step.parameters
    }))
    plain?.forEach(({ name, gradient }, i) => {
      const largest = gradient.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
      gradient.forEach((value, j) => expect(Math.abs(value - (saving?.[i]?.gradient[j] ?? NaN)), name).toBeLessThan(1e-5 * largest))
    })
  })

  it('is planned by the largest batch, with no empty piece in the smallest', () => {
    const plan = { batchSize: 4, checkpointed: false }
    const row = (predictions: number, keys = 200): RowSize => ({ tokens: 300, predictions, segments: [{ queries: 300, keys }] })
    const rows = (count: number, predictions: number, least: number): RowSize[] => [...Array.from({ length: count }, () => row(predictions)), row(least)]
    expect(memoryPlan(49152, rows(8, 192, 100), plan)).toEqual({ chunks: 2, lean: false, checkpointed: false })
    expect(memoryPlan(49152, rows(8, 192, 1), plan)).toEqual({ chunks: 1, lean: false, checkpointed: false })
    expect(memoryPlan(1024, [row(500, 600)], plan)).toEqual({ chunks: 1, lean: true, checkpointed: false })
    expect(memoryPlan(1024, [row(500, 600)], { ...plan, checkpointed: true })).toEqual({ chunks: 1, lean: false, checkpointed: true })
  })
})

describe('a run whose numbers explode', () => {
  it('ends with the step and the pairs, the weights of the last good step kept', async () => {
    const model = await embeddedEngine.load(folder)
    const reference = { chosen: new Float64Array(10).fill(-10), rejected: new Float64Array(10).fill(-10) }
    reference.chosen[7] = NaN
    const steps: number[] = []
    const config = { ...DPO, per_device_train_batch_size: 2 }
    const position = shuffledBatches(10, 2, config.seed, 0).findIndex(batch => batch.includes(7))
    const batch = shuffledBatches(10, 2, config.seed, 0)[position] ?? []
    await expect(model.trainDpo(pairs, reference, config, { onStep: ({ step }) => void steps.push(step) })).rejects.toThrow(`step ${position + 1}: expected a finite loss, got NaN or infinity in pairs ${batch.join(', ')}`)
    expect(steps).toHaveLength(position)
    expect((await model.score([{ promptIds: [3], completionIds: [4, 5] }]))[0]?.every(Number.isFinite)).toBe(true)
    await model.dispose()
  })

  it('gives the last good state to whoever stores checkpoints, once, and can be continued from it', async () => {
    const reference = { chosen: new Float64Array(10).fill(-10), rejected: new Float64Array(10).fill(-10) }
    const config = { ...DPO, per_device_train_batch_size: 2 }
    const [last = 0] = shuffledBatches(10, 2, config.seed, 0)[3] ?? []
    const broken = { ...reference, chosen: reference.chosen.with(last, Infinity) }
    const run = async (given: typeof reference, hooks: TrainHooks): Promise<{ error: unknown; states: TrainerState[]; model: Model }> => {
      const model = await embeddedEngine.load(folder)
      const states: TrainerState[] = []
      const error: unknown = await model.trainDpo(pairs, given, config, { ...hooks, onCheckpoint: state => void states.push(copyState(state)) }).then(() => null, (reason: unknown) => reason)
      return { error, states, model }
    }
    const whole = await run(reference, { checkpointEvery: 1 })
    const stopped = await run(broken, {})
    expect(stopped.error).toBeInstanceOf(DivergedError)
    expect(stopped.error).toMatchObject({ step: 4, keptStep: 3, indices: shuffledBatches(10, 2, config.seed, 0)[3] })
    expect(stopped.states).toEqual([whole.states[2]])
    // Just stored: not stored again.
    expect((await run(broken, { checkpointEvery: 3 })).states.map(({ step }) => step)).toEqual([3])
    // With the pair repaired it goes on as if nothing had been.
    const repaired = await run(reference, { resumeFrom: stopped.states[0] as TrainerState })
    expect(repaired.states.at(-1)).toEqual(whole.states.at(-1))
  })

  it('under too large a learning rate keeps what the step before has left, unless that is broken too', async () => {
    const reference = { chosen: new Float64Array(10).fill(-10), rejected: new Float64Array(10).fill(-10) }
    const diverge = async (rate: number): Promise<{ error: unknown; steps: number[] }> => {
      const model = await embeddedEngine.load(folder)
      const steps: number[] = []
      const error: unknown = await model.trainDpo(pairs, reference, { ...DPO, learning_rate: rate, per_device_train_batch_size: 5 }, { onCheckpoint: ({ step }) => void steps.push(step) }).then(() => null, (reason: unknown) => reason)
      await model.dispose()
      return { error, steps }
    }
    const large = await diverge(1e30)
    expect(large.error).toMatchObject({ name: 'DivergedError', step: 2, keptStep: 1 })
    expect(large.steps).toEqual([1])
    // Beyond float32: the update itself has overflowed.
    const beyond = await diverge(1e39)
    expect(beyond.error).toMatchObject({ step: 2, keptStep: null, message: expect.stringContaining('the weights of step 1 are not finite either') as string })
    expect(beyond.steps).toEqual([])
  })
})

describe('the reward head', () => {
  it('learns what separates two kinds of sequences, and is saved', async () => {
    const rows: RewardRow[] = Array.from({ length: 24 }, (_, i) => ({ ids: [...ids(3 + (i % 6)), i % 2 ? 7 : 9], label: i % 2 ? 1 : 0 }))
    const model = await embeddedEngine.load(folder)
    await expect(model.reward([[1]])).rejects.toThrow('expected a reward head')
    const metrics: StepMetrics[] = []
    await model.trainReward(rows, { ...TRAIN, learning_rate: 5e-3, num_train_epochs: 10 }, { onStep: step => void metrics.push(step) })
    expect(metrics[0]?.loss).toBeCloseTo(Math.LN2, 0)
    const rewards = await model.reward(rows.map(row => row.ids))
    expect(rows.every((row, i) => (rewards[i] ?? NaN) > 0 === Boolean(row.label))).toBe(true)
    const output = join(mkdtempSync(join(tmpdir(), 'drift-reward-')), 'model')
    folders.push(output)
    await model.save(output)
    const loaded = await embeddedEngine.load(output)
    expect(await loaded.reward(rows.map(row => row.ids))).toEqual(rewards)
    await expect(loaded.score([{ promptIds: [1], completionIds: [2] }])).rejects.toThrow('found a reward model')
    await Promise.all([model.dispose(), loaded.dispose()])
  })
})

describe('the order of the data', () => {
  it('is a function of seed and epoch that visits everything once', () => {
    expect(shuffledBatches(10, 3, 1, 0)).toEqual(shuffledBatches(10, 3, 1, 0))
    expect(shuffledBatches(10, 3, 1, 0)).not.toEqual(shuffledBatches(10, 3, 1, 1))
    expect(shuffledBatches(10, 3, 1, 0)).not.toEqual(shuffledBatches(10, 3, 2, 0))
    const lengths = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 100)
    const batches = lengthGroupedBatches(lengths, 8, 1, 0)
    expect(batches.flat().toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
    const spread = batches.map(batch => Math.max(...batch.map(i => lengths[i] ?? 0)) - Math.min(...batch.map(i => lengths[i] ?? 0)))
    expect(Math.max(...spread)).toBeLessThan(20)
  })

  it('gives as many steps as the Trainer takes', () => {
    const config = { gradient_accumulation_steps: 2, max_steps: -1, num_train_epochs: 3 }
    expect(totalSteps(5, config)).toBe(9)
    expect(totalSteps(5, { ...config, num_train_epochs: 0.5 })).toBe(2)
    expect(totalSteps(5, { ...config, max_steps: 4 })).toBe(4)
  })
})

describe('steps for so many tokens', () => {
  const config = { per_device_train_batch_size: 2, gradient_accumulation_steps: 1, seed: 3 }
  const lengths = [10, 20, 30, 40, 50]

  it('are those whose sum is nearest, in the order of training, over as many epochs as it takes', () => {
    const order = [0, 1, 2].flatMap((epoch) => shuffledBatches(lengths.length, 2, 3, epoch)).map((batch) => batch.reduce((sum, i) => sum + lengths[i]!, 0))
    for (const tokens of [0, 60, 149, 150, 151, 333, 444]) {
      const sums = [...order, 0].map((_, steps) => order.slice(0, steps).reduce((sum, step) => sum + step, 0))
      const nearest = Math.min(...sums.map((sum) => Math.abs(sum - tokens)))
      expect(Math.abs(sums[stepsForTokens(lengths, config, tokens)]! - tokens)).toBe(nearest)
    }
  })

  it('take a step’s accumulated batches together, and are none where not half a step fits', () => {
    expect(stepsForTokens(lengths, { ...config, gradient_accumulation_steps: 3 }, 300)).toBe(2)
    expect(stepsForTokens(lengths, { ...config, gradient_accumulation_steps: 3 }, 74)).toBe(0)
    expect(stepsForTokens(lengths, config, -5)).toBe(0)
    expect(stepsForTokens([NaN], config, 100)).toBe(0)
  })
})
