/** What a training takes in PyTorch, from the model's configuration and its longest batch. */
import type { Device } from '../device.ts'
import { trainingMemory } from '../memory.ts'
import type { TrainingMemory } from '../memory.ts'
import type { TrainConfig } from '../engine.ts'
import type { DecoderConfig, WeightSpec } from '../models/decoder.ts'
import { readDeepspeed, zeroOf } from './deepspeed.ts'
import type { DeepspeedConfig } from './deepspeed.ts'
import type { TorchOptions } from './options.ts'

const MAX_LOGITS = 2 ** 25
/** Of a layer, in multiples of its widths: what autograd keeps between forward and backward (norms, products, rotations, SwiGLU). */
const KEPT = { hidden: 9, keyValue: 3, intermediate: 4 }
/** Logits, their softmax and their gradient. */
const LOGITS_COPIES = 3
/** Python, PyTorch and transformers beside our own process. */
export const WORKER_BYTES = 450e6

/** What of a packed row its memory follows from. */
export type PackedSize = { ids: { length: number }; predictions: { length: number } }

const numbers = (specs: readonly WeightSpec[]): number => specs.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

/** @param weights all of the model; @param trained those that are trained. */
export function torchMemory(decoder: DecoderConfig, { weights, trained, rows, batches, isReward }: { weights: readonly WeightSpec[]; trained: readonly WeightSpec[]; rows: readonly PackedSize[]; batches: readonly number[][]; isReward: boolean }, config: Pick<TrainConfig, 'optim' | 'gradient_checkpointing'>, options: TorchOptions, device: Device = 'cpu'): TrainingMemory {
  const heldBytes = decoder.adapter ? (options.load_in_4bit ? 0.6 : bytesOf(options)) : 4
  const sums = batches.map(indices => indices.reduce((sum, i) => ({ tokens: sum.tokens + (rows[i]?.ids.length ?? 0), predictions: sum.predictions + (rows[i]?.predictions.length ?? 0) }), { tokens: 0, predictions: 0 }))
  const width = KEPT.hidden * decoder.hidden + KEPT.keyValue * decoder.keyValueHeads * decoder.headDim + KEPT.intermediate * decoder.intermediate
  const perToken = config.gradient_checkpointing ? decoder.layers * decoder.hidden + width : decoder.layers * width
  const activations = Math.max(0, ...sums.map(({ tokens, predictions }) => bytesOf(options) * tokens * perToken + (isReward ? 0 : 4 * LOGITS_COPIES * Math.min(MAX_LOGITS, predictions * decoder.vocabulary))))
  const parts = {
    weights: heldBytes * numbers(weights) + (decoder.adapter ? 4 * numbers(trained) : 0),
    gradients: 4 * numbers(trained),
    optimizer: 4 * numbers(trained) * (config.optim === 'rmsprop' ? 1 : 2),
    activations,
  }
  const share = 1 / options.num_processes
  const held = options.deepspeed === null
    ? { weights: parts.weights * share, gradients: parts.gradients * share, optimizer: parts.optimizer * share }
    : underZero(readDeepspeed(options.deepspeed), { weights: bytesOf(options) * numbers(weights), gradients: bytesOf(options) * numbers(trained), optimizer: parts.optimizer, stepped: 4 * numbers(trained) }, share, device)
  const memory = trainingMemory({ ...held, activations: activations * share })
  return { ...memory, total: memory.total + WORKER_BYTES }
}

/**
 * ZeRO 1 shards the optimizer and the float32 weights that it steps, 2 also gradients, 3 also the weights that compute.
 * What is offloaded lies in the machine's memory: beside the device's, unless that is it.
 */
function underZero(config: DeepspeedConfig, { weights, gradients, optimizer, stepped }: { weights: number; gradients: number; optimizer: number; stepped: number }, share: number, device: Device): { weights: number; gradients: number; optimizer: number } {
  const { stage, offloadsOptimizer, offloadsWeights } = zeroOf(config)
  const of = (from: number): number => (stage >= from ? share : 1)
  const isElsewhere = (isOffloaded: boolean): boolean => isOffloaded && device !== 'cpu'
  return {
    weights: isElsewhere(offloadsWeights) ? 0 : weights * of(3),
    gradients: gradients * of(2),
    optimizer: isElsewhere(offloadsOptimizer) ? 0 : (optimizer + (stage === 0 ? 0 : stepped)) * of(1),
  }
}

const bytesOf = ({ dtype }: TorchOptions): number => (dtype === 'float32' ? 4 : 2)
