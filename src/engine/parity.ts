/** Do two engines compute the same? A seeded batch scored and one DPO step taken on both, in float32. */
import type { Device } from './device.ts'
import type { DpoConfig, Engine, Model, TokenPair } from './engine.ts'
import { InputError } from './input-error.ts'
import { readModelConfig } from './model-folder.ts'
import { createRandom } from './rng.ts'

/** `difference` is relative to what the first engine computed, absolute below 1; of weights relative to the step. Null: one of them gave no number. */
export type ParityFigure = { name: 'logps' | 'loss' | 'rewards' | 'grad_norm' | 'weights'; difference: number | null; tolerance: number }

export const PARITY_SEED = 7
const PAIRS = 4
const LONGEST_PROMPT = 16
const LONGEST_COMPLETION = 8
const TOLERANCE = 1e-4
/** Of the step: thousands of rounded products, and the rounding of the weights they are added to. */
const WEIGHTS_TOLERANCE = 1e-3
/** Nats: rewards are differences to the reference, which is moved away so that they are not all zero. */
const REFERENCE_SHIFT = 2

/** Adam with an epsilon far above the gradients steps along them, not along their signs: noise of a gradient near 0 stays noise. */
const STEP: DpoConfig = {
  loss_type: ['sigmoid'], loss_weights: null, beta: 0.1, label_smoothing: 0, learning_rate: 1, lr_scheduler_type: 'constant', min_lr_rate: 0, warmup_steps: 0,
  optim: 'adamw_torch', weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1, max_grad_norm: 0,
  per_device_train_batch_size: PAIRS, gradient_accumulation_steps: 1, gradient_checkpointing: false, num_train_epochs: 1, max_steps: 1, seed: PARITY_SEED,
}

type Computed = { logps: Float32Array[]; loss: number; rewards: number[]; gradNorm: number; weights: Map<string, Float32Array> }

/** @throws InputError or Error where one of them cannot load or train the model. */
export async function measureParity(folder: string, first: { engine: Engine; device: Device }, second: { engine: Engine; device: Device }, signal?: AbortSignal): Promise<ParityFigure[]> {
  const { vocab_size: vocabulary, pad_token_id: padding } = readModelConfig(folder)
  const pairs = parityPairs(vocabulary, padding)
  const ours = await compute(await first.engine.load(folder, { device: first.device }), pairs, null, signal)
  const theirs = await compute(await second.engine.load(folder, { device: second.device }), pairs, ours.logps, signal)
  const figure = (name: ParityFigure['name'], difference: number, tolerance = TOLERANCE): ParityFigure => ({ name, difference: Number.isFinite(difference) ? difference : null, tolerance })
  return [
    figure('logps', largest(ours.logps.flatMap((row) => [...row]), theirs.logps.flatMap((row) => [...row]))),
    figure('loss', largest([ours.loss], [theirs.loss])),
    figure('rewards', largest(ours.rewards, theirs.rewards)),
    figure('grad_norm', largest([ours.gradNorm], [theirs.gradNorm])),
    figure('weights', distance(ours.weights, theirs.weights) / (STEP.learning_rate * ours.gradNorm), WEIGHTS_TOLERANCE),
  ]
}

/** Without the padding token: transformers gives its embedding no gradient. */
function parityPairs(vocabulary: number, padding: number | null): TokenPair[] {
  if (vocabulary < 2) throw new InputError(`config.json: expected a vocab_size of at least 2 for a parity check, got ${vocabulary}`)
  const random = createRandom(PARITY_SEED)
  const id = (): number => {
    const drawn = Math.floor(random() * (vocabulary - 1))
    return padding !== null && drawn >= padding ? drawn + 1 : drawn
  }
  const ids = (longest: number): number[] => Array.from({ length: 1 + Math.floor(random() * longest) }, id)
  return Array.from({ length: PAIRS }, () => ({ promptIds: ids(LONGEST_PROMPT), chosenIds: ids(LONGEST_COMPLETION), rejectedIds: ids(LONGEST_COMPLETION) }))
}

/** @param scored what the reference is made of; null: what this model says itself. Disposes of the model. */
async function compute(model: Model, pairs: TokenPair[], scored: Float32Array[] | null, signal?: AbortSignal): Promise<Computed> {
  try {
    const logps = await model.score(pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }]), signal)
    const sums = (scored ?? logps).map((row) => row.reduce((sum, value) => sum + value, 0))
    const reference = { chosen: Float64Array.from(pairs, (_, i) => sums[2 * i]! - REFERENCE_SHIFT), rejected: Float64Array.from(pairs, (_, i) => sums[2 * i + 1]! + REFERENCE_SHIFT * (i / PAIRS)) }
    const computed: Computed = { logps, loss: NaN, rewards: [], gradNorm: NaN, weights: new Map() }
    await model.trainDpo(pairs, reference, STEP, {
      ...(signal && { signal }),
      onStep: (metrics) => {
        computed.loss = metrics.loss
        computed.gradNorm = metrics.grad_norm
        computed.rewards = [metrics['rewards/chosen'] ?? NaN, metrics['rewards/rejected'] ?? NaN, metrics['rewards/margins'] ?? NaN]
      },
      onCheckpoint: ({ weights }) => void (computed.weights = new Map([...weights].map(([name, values]) => [name, values.slice()]))),
    })
    return computed
  } finally {
    await model.dispose()
  }
}

/** Largest |a - b| / max(1, |a|); NaN where a figure is missing or no number. */
function largest(ours: readonly number[], theirs: readonly number[]): number {
  return ours.reduce((top, value, i) => Math.max(top, Math.abs(value - (theirs[i] ?? NaN)) / Math.max(1, Math.abs(value))), 0)
}

/** Euclidean; NaN where names or shapes differ. */
function distance(ours: ReadonlyMap<string, Float32Array>, theirs: ReadonlyMap<string, Float32Array>): number {
  let sum = ours.size > 0 && ours.size === theirs.size ? 0 : NaN
  for (const [name, values] of ours) values.forEach((value, i) => (sum += (value - (theirs.get(name)?.[i] ?? NaN)) ** 2))
  return Math.sqrt(sum)
}
