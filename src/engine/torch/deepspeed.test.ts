/** DeepSpeed under the torch engine: a step is the step that one process takes without it, whatever is sharded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { writeRandomModel } from '../../../tests/reference/random-model.ts'
import { DPO, TRAIN } from '../../../tests/reference/train-config.ts'
import { hasPackage, torchForTests } from '../../../tests/support/torch.ts'
import type { DpoConfig, Engine, LoadOptions, StepMetrics, TokenPair, TrainerState, TrainHooks } from '../engine.ts'
import type { Device } from '../device.ts'
import type { DecoderConfig } from '../models/decoder.ts'
import { createRandom } from '../rng.ts'
import { readSafetensors } from '../safetensors.ts'
import { deepspeedIssues, describeDeepspeed, fillDeepspeed, readDeepspeed } from './deepspeed.ts'
import { torchMemory } from './memory.ts'
import { PLAIN_TORCH } from './options.ts'
import type { TorchOptions } from './options.ts'

const small = writeRandomModel()
const outputs = mkdtempSync(join(tmpdir(), 'drift-deepspeed-'))
afterAll(() => [small, outputs].forEach(folder => rmSync(folder, { recursive: true })))

const random = createRandom(7)
const ids = (count: number): number[] => Array.from({ length: count }, () => 1 + Math.floor(random() * 59))
const PAIRS: TokenPair[] = Array.from({ length: 9 }, () => ({ promptIds: ids(6 + Math.floor(random() * 10)), chosenIds: ids(1 + Math.floor(random() * 8)), rejectedIds: ids(1 + Math.floor(random() * 8)) }))
const REFERENCE = { chosen: Float64Array.from(PAIRS, () => -9), rejected: Float64Array.from(PAIRS, () => -11) }
/** Two batches a step, the last of one pair: a process without a row of its own takes part all the same. Clipped. */
const CONFIG: DpoConfig = { ...DPO, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, max_steps: 6, weight_decay: 0.01, max_grad_norm: 0.5 }
const NEW_ADAPTER = { r: 3, lora_alpha: 6, target_modules: null, use_rslora: false, seed: 1 }

type Outcome = { steps: StepMetrics[]; scores: Float32Array[]; answers: number[][]; weights: Map<string, Float32Array> }

/** Trains, and asks in between: for scores, and for greedy answers after step 3. */
async function trained(engine: Engine, name: string, config: DpoConfig, { load = {}, ...hooks }: TrainHooks & { load?: LoadOptions } = {}): Promise<Outcome> {
  const model = await engine.load(small, { ...load, threads: 1 })
  const requests = PAIRS.map(({ promptIds, chosenIds }) => ({ promptIds, completionIds: chosenIds }))
  const steps: StepMetrics[] = []
  const answers: number[][] = []
  await model.score(requests)
  const onStep = async (metrics: StepMetrics): Promise<void> => {
    steps.push(metrics)
    if (metrics.step !== 3) return
    await model.score(requests)
    for await (const batch of model.sample(PAIRS.map(({ promptIds }) => ({ promptIds, seed: 0 })), { temperature: 1, top_p: 1, max_new_tokens: 8, greedy: true, batch_size: 4, eosIds: [2] })) answers.push(...batch.map(({ completionIds }) => completionIds))
  }
  await model.trainDpo(PAIRS, REFERENCE, config, { ...hooks, onStep })
  const scores = await model.score(requests)
  const folder = join(outputs, name)
  await model.save(folder)
  await model.dispose()
  const file = join(folder, load.newAdapter ? 'adapter_model.safetensors' : 'model.safetensors')
  return { steps, scores, answers, weights: new Map([...readSafetensors(file)].map(([key, { data }]) => [key, data])) }
}

function expectAlike(got: Outcome, wanted: Outcome): void {
  wanted.steps.forEach((step, i) => Object.entries(step).forEach(([name, value]) => expect(Math.abs((got.steps[i]?.[name] ?? NaN) - value), `step ${i + 1}, ${name}`).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)))))
  expect(got.answers).toEqual(wanted.answers)
  expect([...got.weights.keys()].sort()).toEqual([...wanted.weights.keys()].sort())
  for (const [name, values] of wanted.weights) {
    const norm = Math.hypot(...values)
    expect(Math.hypot(...values.map((value, i) => value - (got.weights.get(name)?.[i] ?? NaN))) / norm, name).toBeLessThan(1e-4)
  }
}

const zero = (stage: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({ zero_optimization: { stage, ...more }, gradient_clipping: 'auto', train_batch_size: 'auto' })
const OFFLOAD = { offload_optimizer: { device: 'cpu' } }
/** So small a model is not cut otherwise. */
const ALL_CUT = { stage3_param_persistence_threshold: 0 }
const CASES: [string, Record<string, unknown>][] = [
  ['ZeRO 0', zero(0)], ['ZeRO 1', zero(1)], ['ZeRO 2', zero(2)], ['ZeRO 2, optimizer offloaded', zero(2, OFFLOAD)], ['ZeRO 3', zero(3, ALL_CUT)],
  ['ZeRO 3, all offloaded', zero(3, { ...ALL_CUT, ...OFFLOAD, offload_param: { device: 'cpu' } })],
]
const [plain] = torchForTests('DeepSpeed')
const hasDeepspeed = hasPackage('deepspeed', 'training under DeepSpeed')
function under(deepspeed: Record<string, unknown>, options: Partial<TorchOptions> = {}): Engine {
  const engine = torchForTests('DeepSpeed', { ...options, deepspeed })[0]!
  onTestFinished(() => engine.close?.())
  return engine
}

describe.skipIf(!hasDeepspeed)('DeepSpeed', () => {
  let one: Outcome
  beforeAll(async () => void (one = await trained(plain!, 'plain', CONFIG)), 180_000)

  it.each(CASES)('%s in two processes gives the metrics, answers and weights of one process without it (1e-4)', async (name, config) => {
    expectAlike(await trained(under(config, { num_processes: 2 }), name, CONFIG), one)
  }, 180_000)

  it.each([[1, { newAdapter: NEW_ADAPTER }], [2, {}]])('does so in %i processes with %o, RMSprop and checkpointed layers', async (num_processes, load) => {
    const config: DpoConfig = { ...CONFIG, optim: 'rmsprop', gradient_checkpointing: true }
    expectAlike(await trained(under(zero(3, ALL_CUT), { num_processes }), `checkpointed ${num_processes} zero`, config, { load }), await trained(plain!, `checkpointed ${num_processes}`, config, { load }))
  }, 180_000)

  it.each<[string, Record<string, unknown>, LoadOptions, Partial<TorchOptions>]>([
    ['ZeRO 1', zero(1), {}, {}], ['ZeRO 2, offloaded, an adapter', zero(2, OFFLOAD), { newAdapter: NEW_ADAPTER }, {}], ['ZeRO 3', zero(3, ALL_CUT), {}, {}],
    ['ZeRO 2 in bfloat16', zero(2), {}, { dtype: 'bfloat16' }], ['ZeRO 3 in bfloat16', zero(3), {}, { dtype: 'bfloat16' }],
    ['ZeRO 1 in bfloat16 with float32 sums', { ...zero(1), data_types: { grad_accum_dtype: 'fp32' } }, {}, { dtype: 'bfloat16' }],
  ])('%s, continued from a checkpoint, ends with the bits of the uninterrupted run', async (name, config, load, options) => {
    const engine = under(config, { num_processes: 2, ...options })
    const states: TrainerState[] = []
    const whole = await trained(engine, `${name} whole`, CONFIG, { load, checkpointEvery: 2, onCheckpoint: ({ step, weights, optimizer }) => void states.push({ step, weights: new Map([...weights].map(([key, values]) => [key, values.slice()])), optimizer }) })
    const rest = await trained(engine, `${name} rest`, CONFIG, { load, resumeFrom: states[0]! })
    expect(rest.steps).toEqual(whole.steps.slice(2))
    expect(rest.scores).toEqual(whole.scores)
    expect(rest.weights).toEqual(whole.weights)
    // Weights and gradients have 8 bits there.
    if (options.dtype === 'bfloat16') whole.steps.forEach(({ loss }, i) => expect(Math.abs(loss / (one.steps[i]?.loss ?? NaN) - 1), `loss of step ${i + 1}`).toBeLessThan(0.05))
  }, 240_000)

  it.each([['ZeRO 1', zero(1)], ['ZeRO 2, offloaded', zero(2, OFFLOAD)], ['ZeRO 3', zero(3, ALL_CUT)]])('%s has the gradients of single pairs and of all (1e-4)', async (name, config) => {
    const [ours, theirs] = await Promise.all([plain!, under(config, { num_processes: 2 })].map(async engine => {
      const model = await engine.load(small, { threads: 1 })
      const found = { pairs: await model.pairGradients(PAIRS, REFERENCE, CONFIG), all: await model.dpoGradients(PAIRS, REFERENCE, CONFIG) }
      await model.dispose()
      return found
    }))
    ours!.pairs.norms.forEach((norm, i) => expect(Math.abs((theirs!.pairs.norms[i] ?? NaN) / norm - 1)).toBeLessThan(1e-4))
    expect(Math.abs(theirs!.pairs.meanNorm / ours!.pairs.meanNorm - 1)).toBeLessThan(1e-4)
    for (const [key, values] of ours!.all.gradients) expect(Math.hypot(...values.map((value, i) => value - (theirs!.all.gradients.get(key)?.[i] ?? NaN))), key).toBeLessThan(1e-4 * Math.max(1e-3, Math.hypot(...values)))
  }, 180_000)

  it.each([['ZeRO 2', zero(2)], ['ZeRO 3', zero(3, ALL_CUT)]])('%s trains the reward model of one process (1e-4), which is saved whole', async (name, config) => {
    const rows = Array.from({ length: 8 }, (_, i) => ({ ids: PAIRS[i]!.promptIds, label: (i % 2) as 0 | 1 }))
    const rewards: Float64Array[] = []
    for (const engine of [plain!, under(config, { num_processes: 2 })]) {
      const model = await engine.load(small, { threads: 1 })
      await model.trainReward(rows, { ...TRAIN, per_device_train_batch_size: 4, num_train_epochs: 2 })
      const folder = join(outputs, `${name} reward ${rewards.length}`)
      await model.save(folder)
      rewards.push(await model.reward(rows.map(row => row.ids)))
      await model.dispose()
      rewards.push(await (await plain!.load(folder, { threads: 1 })).reward(rows.map(row => row.ids)))
    }
    for (const other of rewards) other.forEach((value, i) => expect(Math.abs(value - (rewards[0]?.[i] ?? NaN))).toBeLessThan(1e-4))
  }, 180_000)

  it('says what DeepSpeed has against a configuration, and takes the next request', async () => {
    const engine = under({ zero_optimization: { stage: 2, reduce_bucket_size: 'much' } })
    for (let i = 0; i < 2; i++) await expect(engine.load(small)).rejects.toThrow(/^deepspeed: expected a configuration that DeepSpeed [\d.]+ takes, it says: .*reduce_bucket_size/)
  }, 180_000)
})

const training = { ...DPO, learning_rate: 5e-7, per_device_train_batch_size: 4, gradient_accumulation_steps: 2 }
const launch = { ...PLAIN_TORCH, num_processes: 2 }

it('takes what agrees with the recipe, or leaves it to it', () => {
  const optimizer = { type: 'AdamW', params: { lr: 'auto', betas: [0.9, 0.999], eps: 'auto', weight_decay: 0, torch_adam: true } }
  expect(deepspeedIssues({ optimizer, bf16: { enabled: 'auto' }, fp16: { enabled: 'auto' }, gradient_clipping: 1, train_batch_size: 8, train_micro_batch_size_per_gpu: 2, gradient_accumulation_steps: 'auto', zero_optimization: { stage: 3, offload_param: { device: 'none' } } }, training, launch)).toEqual([])
})

it.each<[Record<string, unknown>, string, Partial<TorchOptions>?]>([
  [{ gradient_clipping: 0.5 }, 'gradient_clipping 0.5: expected max_grad_norm 1 or "auto"'],
  [{ train_batch_size: 16 }, 'train_batch_size 16: expected per_device_train_batch_size 4 * gradient_accumulation_steps 2 = 8 or "auto"'],
  [{ train_micro_batch_size_per_gpu: 4 }, 'train_micro_batch_size_per_gpu 4: expected per_device_train_batch_size 4 / num_processes 2 = 2 or "auto"'],
  [{ gradient_accumulation_steps: 1 }, 'gradient_accumulation_steps 1: expected gradient_accumulation_steps 2 or "auto"'],
  [{ optimizer: { type: 'AdamW', params: { lr: 1e-3 } } }, 'optimizer.params.lr 0.001: expected learning_rate 5e-7 or "auto"'],
  [{ optimizer: { type: 'Lion' } }, 'optimizer.type "Lion": expected AdamW (optim adamw_torch), or no optimizer'],
  [{ optimizer: { type: 'Adam', params: { adam_w_mode: false } } }, 'optimizer.params.adam_w_mode false: expected AdamW, adam_w_mode true or "auto"'],
  [{ optimizer: { type: 'AdamW', params: { amsgrad: true } } }, 'optimizer.params.amsgrad: adamw_torch as it is computed here has no such setting'],
  [{ scheduler: { type: 'WarmupLR' } }, 'scheduler: the rate of each step is the recipe\'s (lr_scheduler_type, warmup_steps); leave it out'],
  [{ bf16: { enabled: true } }, 'bf16.enabled true: expected dtype bfloat16 false or "auto"'],
  [{ bf16: { enabled: false }, zero_optimization: { stage: 1 } }, 'bf16.enabled false: expected dtype bfloat16 true or "auto"', { dtype: 'bfloat16' }],
  [{ fp16: { enabled: true } }, 'fp16.enabled true: expected bfloat16 or float32 with deepspeed'],
  [{ zero_optimization: { stage: 1 } }, 'dtype float16: expected bfloat16 or float32 with deepspeed', { dtype: 'float16' }],
  [{ zero_optimization: { stage: 0 } }, 'zero_optimization.stage 0: expected 1, 2 or 3 with dtype bfloat16', { dtype: 'bfloat16' }],
  [{ zero_optimization: { stage: 4 } }, 'zero_optimization.stage 4: expected 0, 1, 2 or 3'],
  [{ zero_optimization: { stage: 3, offload_optimizer: { device: 'nvme' } } }, 'zero_optimization.offload_optimizer.device "nvme": expected cpu or none'],
  [{ zero_optimization: { stage: 2, offload_param: { device: 'cpu' } } }, 'zero_optimization.offload_param.device "cpu": expected stage 3 with it, got 2'],
  [{ zero_optimization: { stage: 0, ...OFFLOAD } }, 'zero_optimization.offload_optimizer.device "cpu": expected stage 1, 2 or 3 with it, got 0'],
  [{ pipeline: {} }, 'pipeline: the torch engine does not hand it on'],
])('refuses %j', (config, message, options = {}) => {
  const issues = deepspeedIssues(config, training, { ...launch, ...options })
  expect(issues).toHaveLength(1)
  expect(issues[0]).toContain(message)
})

it('tells DeepSpeed nothing of what the engine does, and fills sizes as transformers does', () => {
  const config = { gradient_clipping: 1, optimizer: { type: 'AdamW' }, train_batch_size: 8, prescale_gradients: true, bf16: { enabled: 'auto' }, zero_optimization: { stage: 3, reduce_bucket_size: 'auto', stage3_prefetch_bucket_size: 'auto', stage3_param_persistence_threshold: 'auto', overlap_comm: true } }
  expect(fillDeepspeed(config, { dtype: 'bfloat16', hidden: 576 })).toEqual({
    prescale_gradients: true, bf16: { enabled: true }, gradient_clipping: 0, train_micro_batch_size_per_gpu: 1, gradient_accumulation_steps: 1, zero_allow_untested_optimizer: true, zero_force_ds_cpu_optimizer: false,
    zero_optimization: { stage: 3, reduce_bucket_size: 331776, stage3_prefetch_bucket_size: 298598, stage3_param_persistence_threshold: 5760, overlap_comm: true },
  })
})

it('reads a file, and says where there is none or something else', () => {
  const file = join(outputs, 'zero.json')
  writeFileSync(file, '{"zero_optimization": {"stage": 2}}')
  expect(readDeepspeed(file)).toEqual({ zero_optimization: { stage: 2 } })
  expect(() => readDeepspeed(join(outputs, 'none.json'))).toThrow(`deepspeed: expected a DeepSpeed configuration (JSON) at ${join(outputs, 'none.json')}, found nothing`)
  writeFileSync(file, 'stage: 2')
  expect(() => readDeepspeed(file)).toThrow(`deepspeed: expected JSON in ${file}, got something else`)
  writeFileSync(file, '[2]')
  expect(() => readDeepspeed(file)).toThrow(`deepspeed: expected a JSON object in ${file}, got [2]`)
})

it('names a configuration by what it says, in whatever order', () => {
  const name = describeDeepspeed({ gradient_clipping: 1, zero_optimization: { stage: 2, ...OFFLOAD } })
  expect(name).toMatch(/^ZeRO 2 optimizer offloaded [0-9a-f]{8}$/)
  expect(describeDeepspeed({ zero_optimization: { ...OFFLOAD, stage: 2 }, gradient_clipping: 1 })).toBe(name)
  expect(describeDeepspeed({ zero_optimization: { stage: 2, ...OFFLOAD } })).not.toBe(name)
})

it('reckons with what each stage shards and what is offloaded (ZeRO paper, figure 1: 2 + 2 + 12 bytes a weight with Adam)', () => {
  const weights = [{ name: 'w', shape: [1000, 1000] }]
  const decoder = { layers: 0, hidden: 1, keyValueHeads: 1, headDim: 1, intermediate: 1, vocabulary: 1 } as DecoderConfig
  const bytes = (config: Record<string, unknown>, device: Device): number[] => {
    const { weights: w, gradients, optimizer } = torchMemory(decoder, { weights, trained: weights, rows: [], batches: [], isReward: true }, { optim: 'adamw_torch', gradient_checkpointing: false }, { ...PLAIN_TORCH, dtype: 'bfloat16', num_processes: 4, deepspeed: config }, device)
    return [w, gradients, optimizer].map(part => part / 1e6)
  }
  expect([1, 2, 3].map(stage => bytes(zero(stage), 'cuda'))).toEqual([[2, 2, 3], [2, 0.5, 3], [0.5, 0.5, 3]])
  expect(bytes(zero(3, { ...OFFLOAD, offload_param: { device: 'cpu' } }), 'cuda')).toEqual([0, 0.5, 0])
  expect(bytes(zero(2, OFFLOAD), 'cpu')).toEqual([2, 0.5, 3])
})
