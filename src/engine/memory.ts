/**
 * How much memory training takes. A graph's run, from the graph alone: its values live from the node that makes them to the
 * last that reads them, as onnxruntime frees them. Inputs and outputs are the caller's arrays and not counted.
 */
import type { Device } from './device.ts'
import { sizeOf } from './dims.ts'
import type { Sizes } from './dims.ts'
import { BYTES } from './graph.ts'
import type { Graph, GraphNode, Value } from './graph.ts'
import { InputError } from './input-error.ts'
import type { OpName } from './ops/op.ts'

/** Operations that onnxruntime computes into an input nobody needs any longer. */
const IN_PLACE: ReadonlySet<OpName> = new Set<OpName>(['Add', 'Sub', 'Mul', 'Neg', 'Exp', 'Sigmoid', 'ScatterAdd', 'Gemm'])

/** Values inside an operation's ONNX nodes, each of the size of output 1: attention's scores, masked scores. */
const TEMPORARIES: Partial<Record<OpName, number>> = { Attention: 2 }

/**
 * What onnxruntime's arena holds beyond what lives: gaps between values of different sizes. Measured on SmolLM2-135M's
 * shape: 1.3 where every batch has the same size, 1.75 where batches differ (docs/log.md); between the two the
 * estimate is within a fifth of either.
 */
export const ARENA_OVERHEAD = 1.6

/** Largest number of bytes in values between nodes at any time, for the given sizes of named dimensions. */
export function peakBytes(graph: Graph, sizes: Sizes): number {
  const nodes = graph.liveNodes()
  const outer = new Set<Value>([...graph.inputs.values(), ...graph.outputs.values()])
  /** A reshaped value is the same memory. */
  const memoryOf = new Map<Value, Value>()
  const root = (value: Value): Value => memoryOf.get(value) ?? value
  for (const node of nodes) {
    const [input, output] = [node.inputs[0], node.outputs[0]]
    if (node.op === 'Reshape' && input && output) memoryOf.set(output, root(input))
  }
  const lastRead = new Map<Value, GraphNode>()
  for (const node of nodes) for (const input of node.inputs) lastRead.set(root(input), node)
  const bytes = (value: Value): number => BYTES[value.type] * value.shape.reduce<number>((total, dim) => total * sizeOf(dim, sizes), 1)

  const alive = new Map<Value, number>()
  let now = 0
  let peak = 0
  const free = (value: Value): void => {
    now -= alive.get(value) ?? 0
    alive.delete(value)
  }
  for (const node of nodes) {
    if (node.op === 'Reshape') continue
    const ending = [...new Set(node.inputs.map(root))].filter(value => alive.has(value) && lastRead.get(value) === node)
    const temporaries = TEMPORARIES[node.op] ?? 0
    const inside = temporaries > 0 ? temporaries * bytes(node.outputs[1] as Value) : 0
    for (const output of node.outputs) {
      if (outer.has(output)) continue
      const size = bytes(output)
      const reused = IN_PLACE.has(node.op) ? ending.findIndex(value => alive.get(value) === size) : -1
      if (reused >= 0) free(ending.splice(reused, 1)[0] as Value)
      alive.set(output, size)
      now += size
    }
    peak = Math.max(peak, now + inside)
    for (const value of ending) free(value)
    for (const output of node.outputs) if (!lastRead.has(output)) free(output)
  }
  return peak
}

/** What a training takes, in bytes; `total` is the largest resident size to expect of its process. */
export type TrainingMemory = { weights: number; gradients: number; optimizer: number; activations: number; total: number }

/** Node, onnxruntime's library, the tokenizer. */
export const PROCESS_BYTES = 170e6

export function trainingMemory(parts: Omit<TrainingMemory, 'total'>): TrainingMemory {
  return { ...parts, total: PROCESS_BYTES + parts.weights + parts.gradients + parts.optimizer + parts.activations }
}

/**
 * @param free bytes this process may still take; 0 where the system does not say.
 * @param held bytes it holds already.
 * @throws InputError with what to change where the training will not fit.
 */
export function requireMemory(memory: TrainingMemory, held: number, free: number, { batch, longest, checkpointed, isAdapter, device }: { batch: number; longest: number; checkpointed: boolean; isAdapter: boolean; device: Device }): void {
  if (free === 0 || memory.total <= held + free) return
  const { weights, gradients, optimizer, activations, total } = memory
  const advice = [
    ...(batch > 1 ? [`a smaller per_device_train_batch_size (now ${batch}; with gradient_accumulation_steps raised the step stays the same)`] : []),
    ...(checkpointed ? [] : ['gradient_checkpointing: true']),
    `a smaller max_length (the longest example has ${longest} tokens)`,
    // On a device these shrink what lies there.
    ...(isAdapter || device !== 'cpu' ? [] : ['a LoRA adapter (use_peft: true)', 'optim: rmsprop instead of AdamW']),
  ]
  throw new InputError(`training: expected to need at most ${gigabytes(held + free)} of memory, which is what is free, got an estimate of ${gigabytes(total)} (weights ${gigabytes(weights)}, gradients ${gigabytes(gradients)}, optimizer ${gigabytes(optimizer)}, activations ${gigabytes(activations)})${device === 'cpu' ? '' : ', the memory of the device not counted'}; choose ${advice.join(', or ')}`)
}

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`
