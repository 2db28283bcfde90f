/** Both engines on the built-in base, same recipe, same seed; continuation, adapters and rewards on the torch engine. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../../tests/reference/random-model.ts'
import { DPO, TRAIN } from '../../../tests/reference/train-config.ts'
import { collect } from '../../../tests/support/collect.ts'
import { torchForTests } from '../../../tests/support/torch.ts'
import { embeddedEngine } from '../embedded.ts'
import type { DpoConfig, Engine, LoadOptions, Model, SampledCompletion, StepMetrics, TokenPair, TrainerState, TrainHooks } from '../engine.ts'
import { createRandom } from '../rng.ts'
import { createTorchEngine, launchOf } from './engine.ts'
import { torchPython } from './interpreter.ts'
import { PLAIN_TORCH } from './options.ts'

const [torch] = torchForTests('parity with the embedded engine')
const BASE = 'resources/base-model'
const small = writeRandomModel()
const outputs = mkdtempSync(join(tmpdir(), 'drift-torch-parity-'))
afterAll(() => [small, outputs].forEach(folder => rmSync(folder, { recursive: true })))

const random = createRandom(7)
/** From 1 on: transformers gives the embedding of pad_token_id (0 here) no gradient, the embedded engine does. */
const ids = (count: number, vocabulary = 60): number[] => Array.from({ length: count }, () => 1 + Math.floor(random() * (vocabulary - 1)))
const pairsOf = (count: number, vocabulary = 60): TokenPair[] => Array.from({ length: count }, () => ({ promptIds: ids(6 + Math.floor(random() * 10), vocabulary), chosenIds: ids(1 + Math.floor(random() * 8), vocabulary), rejectedIds: ids(1 + Math.floor(random() * 8), vocabulary) }))
const referenceOf = async (model: Model, pairs: TokenPair[]): Promise<{ chosen: Float64Array; rejected: Float64Array }> => {
  const sums = async (side: 'chosenIds' | 'rejectedIds'): Promise<Float64Array> => Float64Array.from(await model.score(pairs.map(pair => ({ promptIds: pair.promptIds, completionIds: pair[side] }))), logps => logps.reduce((sum, value) => sum + value, 0))
  return { chosen: await sums('chosenIds'), rejected: await sums('rejectedIds') }
}
async function trained(engine: Engine, folder: string, pairs: TokenPair[], config: DpoConfig, { load = {}, ...hooks }: TrainHooks & { load?: LoadOptions } = {}): Promise<{ steps: StepMetrics[]; scores: Float32Array[] }> {
  const model = await engine.load(folder, { ...load, threads: 1 })
  const steps: StepMetrics[] = []
  await model.trainDpo(pairs, await referenceOf(model, pairs), config, { ...hooks, onStep: metrics => void steps.push(metrics) })
  const scores = await model.score(pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds })))
  await model.dispose()
  return { steps, scores }
}

/** On this machine, just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.on('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe.skipIf(!torch)('the torch engine', () => {
  const engine = torch as Engine

  it('takes the embedded engine\'s first step (1e-4) and ends 50 steps of the built-in base within 1 % of its loss', async () => {
    const pairs = pairsOf(64, 200)
    const config = { ...DPO, max_steps: 50, learning_rate: 3e-4 }
    const [ours, theirs] = [await trained(embeddedEngine, BASE, pairs, config), await trained(engine, BASE, pairs, config)]
    for (const [name, value] of Object.entries(ours.steps[0]!)) expect(Math.abs((theirs.steps[0]?.[name] ?? NaN) - value), name).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)))
    const last = (steps: StepMetrics[]): number => steps.slice(-5).reduce((sum, { loss }) => sum + loss / 5, 0)
    expect(Math.abs(last(theirs.steps) / last(ours.steps) - 1)).toBeLessThan(0.01)
  })

  it.each(['sigmoid', 'hinge', 'ipo', 'sigmoid_norm', 'robust', 'sft'] as const)('has the embedded engine\'s gradients of %s (1e-4)', async type => {
    const pairs = pairsOf(5)
    const config = { ...DPO, loss_type: [type], label_smoothing: 0.1 }
    const reference = { chosen: Float64Array.from(pairs, () => -9), rejected: Float64Array.from(pairs, () => -11) }
    const [ours, theirs] = await Promise.all([embeddedEngine, engine].map(async one => (await one.load(small, { threads: 1 })).dpoGradients(pairs, reference, config)))
    expect(Math.abs(theirs!.loss - ours!.loss)).toBeLessThan(1e-4)
    for (const [name, values] of ours!.gradients) {
      const largest = Math.max(1e-6, values.reduce((top, value) => Math.max(top, Math.abs(value)), 0))
      expect(values.reduce((top, value, i) => Math.max(top, Math.abs(value - (theirs!.gradients.get(name)?.[i] ?? NaN))), 0) / largest, name).toBeLessThan(1e-4)
    }
  })

  it.each([['whole', {}], ['adapter', { newAdapter: { r: 3, lora_alpha: 6, target_modules: null, use_rslora: false, seed: 1 } }]])('continued from a checkpoint (%s) ends with the bits of the uninterrupted run', async (_, load) => {
    const pairs = pairsOf(9)
    const config = { ...DPO, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, max_steps: 6 }
    const states: TrainerState[] = []
    const whole = await trained(engine, small, pairs, config, { load, checkpointEvery: 2, onCheckpoint: ({ step, weights, optimizer }) => void states.push({ step, weights: new Map([...weights].map(([name, values]) => [name, values.slice()])), optimizer }) })
    const rest = await trained(engine, small, pairs, config, { load, resumeFrom: states[0]! })
    expect(rest.steps).toEqual(whole.steps.slice(2))
    expect(rest.scores).toEqual(whole.scores)
  })

  it.each([false, true])('answers between two steps as the embedded engine does, and trains on as if nobody had asked (gradient_checkpointing %s)', async gradient_checkpointing => {
    const pairs = pairsOf(8)
    const config = { ...DPO, gradient_checkpointing, per_device_train_batch_size: 4, max_steps: 4, learning_rate: 1e-3 }
    const settings = { temperature: 1, top_p: 1, max_new_tokens: 12, greedy: true, batch_size: 4, eosIds: [2] }
    const asked = async (one: Engine): Promise<{ answers: number[][]; scores: Float32Array[] }> => {
      const model = await one.load(small, { threads: 1 })
      const answers: number[][] = []
      const onStep = async (): Promise<void> => {
        for await (const batch of model.sample(pairs.slice(0, 4).map(({ promptIds }) => ({ promptIds, seed: 0 })), settings)) answers.push(...batch.map(({ completionIds }) => completionIds))
      }
      await model.trainDpo(pairs, await referenceOf(model, pairs), config, { onStep })
      const scores = await model.score(pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds })))
      await model.dispose()
      return { answers, scores }
    }
    const [ours, theirs] = [await asked(embeddedEngine), await asked(engine)]
    expect(theirs.answers).toEqual(ours.answers)
    expect(theirs.answers).toHaveLength(16)
    expect(theirs.scores).toEqual((await trained(engine, small, pairs, config)).scores)
  })

  it('gives in two processes that shard the weights the metrics of one (1e-4), and the whole model', async () => {
    const pairs = pairsOf(7, 200)
    const folder = join(outputs, 'sharded')
    const config = { ...DPO, per_device_train_batch_size: 3, max_steps: 6 }
    const one = await trained(engine, BASE, pairs, config)
    const model = await torchForTests('sharded training', { num_processes: 2 })[0]!.load(BASE, { threads: 1 })
    const steps: StepMetrics[] = []
    await model.trainDpo(pairs, await referenceOf(model, pairs), config, { onStep: metrics => void steps.push(metrics) })
    await model.save(folder)
    await model.dispose()
    one.steps.forEach((step, i) => Object.entries(step).forEach(([name, value]) => expect(Math.abs((steps[i]?.[name] ?? NaN) - value), name).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)))))
    const scores = await (await embeddedEngine.load(folder, { threads: 1 })).score(pairs.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds })))
    scores.forEach((logps, i) => logps.forEach((logp, t) => expect(Math.abs(logp - (one.scores[i]?.[t] ?? NaN))).toBeLessThan(1e-3)))
  }, 120_000)

  it('shares the sequences of a batch among three processes that shard the weights, and draws what one draws', async () => {
    const requests = Array.from({ length: 5 }, (_, seed) => ({ promptIds: ids(4 + (seed % 3), 200), seed }))
    const settings = { temperature: 1, top_p: 0.9, repetition_penalty: 1.1, max_new_tokens: 12, greedy: false, batch_size: 4, eosIds: [3] }
    const drawn: SampledCompletion[][] = []
    for (const one of [engine, ...torchForTests('sharded sampling', { num_processes: 3 })]) {
      const model = await one.load(BASE, { threads: 1 })
      drawn.push(await collect(model.sample(requests, settings)))
      if (one !== engine) await one.close?.()
    }
    const [alone, shared] = drawn
    expect(shared!.map(({ completionIds }) => completionIds)).toEqual(alone!.map(({ completionIds }) => completionIds))
    shared!.forEach(({ entropy, logp }, i) => {
      expect(Math.abs(entropy - alone![i]!.entropy)).toBeLessThan(1e-4)
      expect(Math.abs(logp - alone![i]!.logp)).toBeLessThan(1e-3)
    })
  }, 120_000)

  it('gives over two machines, one process each, the metrics of one (1e-4)', async () => {
    const pairs = pairsOf(5, 200)
    const config = { ...DPO, per_device_train_batch_size: 3, max_steps: 3 }
    const one = await trained(engine, BASE, pairs, config)
    const env = { ...process.env, DRIFT_MACHINES: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
    const { command, args, env: joined } = launchOf({ num_processes: 2 }, env, 1)
    const second = spawn(command, args, { env: joined, stdio: 'ignore' })
    const ended = new Promise<number | null>(resolve => second.on('close', resolve))
    const first = createTorchEngine({ ...PLAIN_TORCH, num_processes: 2 }, () => launchOf({ num_processes: 2 }, env))
    const both = await trained(first, BASE, pairs, config)
    one.steps.forEach((step, i) => Object.entries(step).forEach(([name, value]) => expect(Math.abs((both.steps[i]?.[name] ?? NaN) - value), name).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)))))
    await first.close?.()
    expect(await ended).toBe(0)
  }, 120_000)

  it('refuses machines that cannot share the processes, or find each other', () => {
    expect(() => launchOf({ num_processes: 3 }, { ...process.env, DRIFT_MACHINES: '2' })).toThrow('DRIFT_MACHINES: expected a number of machines that divides num_processes 3, got 2')
    expect(() => launchOf({ num_processes: 2 }, process.env, 1)).toThrow('DRIFT_MACHINES: expected the number of machines of the run, more than 1, got none')
    expect(() => launchOf({ num_processes: 2 }, { ...process.env, DRIFT_MACHINES: '2', MASTER_ADDR: '' })).toThrow('expected MASTER_ADDR and MASTER_PORT of the first machine')
  })

  it('starts the embedded engine\'s adapter, and saves it and the merged model as the embedded engine reads them', async () => {
    const pairs = pairsOf(6)
    const newAdapter = { r: 3, lora_alpha: 6, target_modules: 'all-linear' as const, use_rslora: false, seed: 5 }
    const model = await engine.load(small, { newAdapter, threads: 1 })
    const steps: StepMetrics[] = []
    const reference = await referenceOf(model, pairs)
    await model.trainDpo(pairs, reference, { ...DPO, max_steps: 3 }, { onStep: metrics => void steps.push(metrics) })
    const ours = await trained(embeddedEngine, small, pairs, { ...DPO, max_steps: 3 }, { load: { newAdapter } })
    expect(Math.abs(steps[2]!.loss - ours.steps[2]!.loss)).toBeLessThan(1e-4)
    const live = await model.score([{ promptIds: [3, 4], completionIds: [5, 6, 7] }])
    await model.save(join(outputs, 'adapter'))
    await model.save(join(outputs, 'merged'), { merged: true })
    await model.dispose()
    for (const [folder, options] of [[small, { adapter: join(outputs, 'adapter') }], [join(outputs, 'merged'), {}]] as const) {
      const [read] = await (await embeddedEngine.load(folder, options)).score([{ promptIds: [3, 4], completionIds: [5, 6, 7] }])
      read!.forEach((value, t) => expect(Math.abs(value - (live[0]?.[t] ?? NaN))).toBeLessThan(1e-4))
    }
  })

  it('trains the embedded engine\'s reward model, which both engines then read alike', async () => {
    const rows = Array.from({ length: 8 }, (_, i) => ({ ids: ids(5 + i), label: (i % 2) as 0 | 1 }))
    const rewards: Float64Array[] = []
    for (const one of [embeddedEngine, engine]) {
      const model = await one.load(small, { threads: 1 })
      await model.trainReward(rows, { ...TRAIN, per_device_train_batch_size: 4, num_train_epochs: 2, gradient_checkpointing: true })
      const folder = join(outputs, `reward-${one.name}`)
      await model.save(folder)
      await model.dispose()
      for (const reader of [embeddedEngine, engine]) rewards.push(await (await reader.load(folder, { threads: 1 })).reward(rows.map(row => row.ids)))
    }
    for (const other of rewards) other.forEach((value, i) => expect(Math.abs(value - (rewards[0]?.[i] ?? NaN))).toBeLessThan(1e-3))
  })

  it.each([{ top_p: 0.8 }, { top_k: 9, min_p: 0.02, temperature: 0.7 }, { repetition_penalty: 1.4, temperature: 1.3 }, { greedy: true }])('draws the embedded engine\'s samples: %o', async changes => {
    const requests = Array.from({ length: 12 }, (_, i) => ({ promptIds: [[5, 6, 7], [8, 9, 10, 11, 12]][i % 2]!, seed: i }))
    const settings = { temperature: 1, top_p: 1, max_new_tokens: 10, greedy: false, batch_size: 5, eosIds: [2, 17], ...changes }
    const [ours, theirs] = await Promise.all([embeddedEngine, engine].map(async one => {
      const drawn = []
      for await (const batch of (await one.load(small, { threads: 1 })).sample(requests, settings)) drawn.push(...batch)
      return drawn
    }))
    expect(theirs!.map(({ entropy: _, logp: _logp, ...sample }) => sample)).toEqual(ours!.map(({ entropy: _, logp: _logp, ...sample }) => sample))
    theirs!.forEach(({ entropy, logp }, i) => {
      expect(Math.abs(entropy - ours![i]!.entropy)).toBeLessThan(1e-4)
      expect(Math.abs(logp - ours![i]!.logp)).toBeLessThan(1e-3)
    })
  })

  it.skipIf(torch && spawnSync(torchPython(process.env), ['-c', 'import bitsandbytes']).status === 0)('says that bitsandbytes is missing, and takes the next request', async () => {
    const newAdapter = { r: 3, lora_alpha: 6, target_modules: null, use_rslora: false, seed: 1 }
    const [quantizing] = torchForTests('quantized loading', { load_in_4bit: true, dtype: 'bfloat16' })
    for (let i = 0; i < 2; i++) await expect(quantizing!.load(small, { newAdapter })).rejects.toThrow('load_in_4bit: expected the package bitsandbytes in the torch engine\'s environment, found none')
  })

  it('refuses a device that is not here', async () => {
    await expect(engine.load(small, { device: 'mps' })).rejects.toThrow('device mps: expected an Apple GPU')
    const blind = createTorchEngine(PLAIN_TORCH, () => launchOf(PLAIN_TORCH, { ...process.env, CUDA_VISIBLE_DEVICES: '' }))
    await expect(blind.load(small, { device: 'cuda' })).rejects.toThrow(/^device cuda: expected a CUDA GPU that PyTorch .+ can use, found none; .+ or choose device cpu$/)
  })
})
