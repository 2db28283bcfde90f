/**
 * Is a device right? One DPO step of a small random model on the device and on the CPU: gradients and the weights'
 * change compared tensor by tensor. A forward pass alone would not do: WebGPU's RMSNorm is right forward, and what
 * it leaves for the gradient is not written at all.
 */
import { createHash } from 'node:crypto'
import { DeviceWeights } from './device-step.ts'
import type { DpoConfig } from './engine.ts'
import { parseModelConfig } from './model-folder.ts'
import { expectedWeights } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { decoderConfig } from './models/index.ts'
import { createRandom } from './rng.ts'
import type { Tensor } from './safetensors.ts'
import { dpoStep, runDpoBatch } from './tasks.ts'
import type { Trainee } from './tasks.ts'
import { buildTrainingGraph } from './training-graph.ts'

/** Largest relative L2 error of a tensor; correct float32 devices stay near 1e-6. */
export const SELF_TEST_TOLERANCE = 1e-3

/** A tensor's L2 error relative to the CPU's; `tensor` is the worst one. */
export type SelfTestResult = { tensor: string; error: number }

/** Everything a family may have: grouped queries, norms on heads, biases, a tied head; sizes that are no powers of two. */
const MODEL = {
  model_type: 'qwen3', vocab_size: 131, hidden_size: 72, num_hidden_layers: 2, num_attention_heads: 6, num_key_value_heads: 2, head_dim: 16, intermediate_size: 100, rms_norm_eps: 1e-6,
  max_position_embeddings: 128, tie_word_embeddings: true, rope_theta: 10000, hidden_act: 'silu', attention_bias: true, bos_token_id: 1, eos_token_id: 2,
}
const PAIRS = 4
const LEARNING_RATE = 0.01
/** A large epsilon: with a small one the first AdamW step is the gradient's sign, noise included. */
const DPO: DpoConfig = {
  optim: 'adamw_torch', learning_rate: LEARNING_RATE, weight_decay: 0.1, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-2, max_grad_norm: 1, lr_scheduler_type: 'constant', warmup_steps: 0, min_lr_rate: 0,
  per_device_train_batch_size: PAIRS, gradient_accumulation_steps: 1, gradient_checkpointing: false, num_train_epochs: 1, max_steps: 1, seed: 1, beta: 0.1, loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.1], label_smoothing: 0,
}

/** What one step left: gradients, and how far each weight moved. */
export type StepResult = { gradients: ReadonlyMap<string, Float32Array>; changes: ReadonlyMap<string, Float32Array> }

/** Changes whenever the graphs, or how they are written for the device, change. */
export function selfTestVersion(): string {
  return createHash('sha256').update(buildTrainingGraph(testModel(), 'dpo', { chunks: 1, lean: false, checkpointed: false }).encode({ device: 'webgpu' })).digest('hex').slice(0, 16)
}

export async function runSelfTest(): Promise<SelfTestResult> {
  const config = testModel()
  const onCpu = await takeStep({ config, weights: randomWeights(config), threads: 1 })
  const weights = randomWeights(config)
  const onDevice = await DeviceWeights.upload(weights)
  try {
    return worstDifference(await takeStep({ config, weights, threads: 1, onDevice }), onCpu)
  } finally {
    await onDevice.memory.release()
  }
}

/** The tensor that differs most. A tensor that is missing, or holds NaN, differs infinitely. */
export function worstDifference(got: StepResult, wanted: StepResult): SelfTestResult {
  let worst: SelfTestResult = { tensor: '', error: -1 }
  for (const [what, key] of [['gradient', 'gradients'], ['change', 'changes']] as const) {
    for (const [name, values] of wanted[key]) {
      const error = relativeError(got[key].get(name), values)
      if (error > worst.error) worst = { tensor: `${what} of ${name}`, error }
    }
  }
  return worst
}

function relativeError(got: Float32Array | undefined, wanted: Float32Array): number {
  if (got?.length !== wanted.length) return Infinity
  let [difference, size] = [0, 0]
  wanted.forEach((value, i) => {
    difference += ((got[i] ?? NaN) - value) ** 2
    size += value ** 2
  })
  const error = Math.sqrt(difference / size)
  return Number.isNaN(error) ? Infinity : error
}

async function takeStep(trainee: Trainee): Promise<StepResult> {
  const random = createRandom(3)
  const ids = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(random() * (MODEL.vocab_size - 3)))
  const pairs = Array.from({ length: PAIRS }, (_, i) => ({ promptIds: ids(5 + 3 * i), chosenIds: ids(4 + 2 * i), rejectedIds: ids(11 - i) }))
  const reference = { chosen: new Float64Array(PAIRS).fill(-30), rejected: new Float64Array(PAIRS).fill(-40) }
  const before = new Map([...trainee.weights.values()].map(({ name, data }) => [name, data.slice()]))
  const step = await dpoStep(trainee, pairs, reference, { batchSize: PAIRS, checkpointed: false })
  let gradients: Map<string, Float32Array>
  try {
    await runDpoBatch(step, trainee.config, pairs, reference, pairs.map((_, i) => i), DPO, 1, true)
    gradients = await step.readGradients()
    const updater = await step.updater(DPO, new Map())
    const norm = await updater.norm()
    await updater.update(1, LEARNING_RATE, 1 / norm)
    await updater.read()
  } finally {
    await step.release()
  }
  return { gradients, changes: new Map([...before].map(([name, values]) => [name, (trainee.weights.get(name)?.data ?? new Float32Array()).map((value, i) => value - (values[i] ?? NaN))])) }
}

function testModel(): DecoderConfig {
  return decoderConfig(parseModelConfig(MODEL, 'the self-test\'s model'))
}

function randomWeights(config: DecoderConfig): Map<string, Tensor> {
  const random = createRandom(7)
  return new Map(expectedWeights(config).map(({ name, shape }) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (name.includes('norm') ? 1 : 0) + (random() - 0.5) * 0.6)
    return [name, { name, shape, data }]
  }))
}
