/** One training graph with its session and gradient arrays: forward and backward of a batch, no update. */
import { ONE } from './autodiff.ts'
import { attentionBlocks, blockSizes, scoreCount } from './attention-blocks.ts'
import type { AttentionBlock, SegmentSize } from './attention-blocks.ts'
import { EMBEDDING } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { ARENA_OVERHEAD, peakBytes, trainingMemory } from './memory.ts'
import type { TrainingMemory } from './memory.ts'
import type { OptimizerConfig } from './engine.ts'
import type { Parameter } from './optimizer.ts'
import { contextLength, packRows, RopeTables } from './packing.ts'
import type { PackedBatch, PackedRow } from './packing.ts'
import type { Tensor } from './safetensors.ts'
import { GraphSession } from './session.ts'
import type { Array32, Feeds } from './session.ts'
import { add, elementwiseKernel } from './simd.ts'
import type { Graph } from './graph.ts'
import { buildTrainingGraph, EMBEDDED_GRADIENT, gradientName } from './training-graph.ts'
import type { MemoryPlan, Objective } from './training-graph.ts'
import { hostUpdater } from './updater.ts'
import type { Updater } from './updater.ts'

/** Largest number of logits that exist at once: 128 MiB. */
const MAX_LOGITS = 2 ** 25

/** From so many keys on attention probabilities are computed again: four pairs of 300 keys take 6.2 GB with them and 5.0 without, for 3 % more time (135M parameters). */
const LEAN_KEYS = 256

/**
 * @param rows all that will be trained on: the largest batch may hold those that predict most, the smallest just the
 *   one that predicts least (no piece of the head may be empty).
 */
export function memoryPlan(vocabulary: number, rows: readonly RowSize[], { batchSize, checkpointed }: { batchSize: number; checkpointed: boolean }): MemoryPlan {
  const sorted = rows.map(({ predictions }) => predictions).toSorted((a, b) => b - a)
  const largest = sorted.slice(0, batchSize).reduce((sum, count) => sum + count, 0)
  return {
    chunks: Math.max(1, Math.min(Math.ceil((largest * vocabulary) / MAX_LOGITS), sorted.at(-1) ?? 1)),
    // A layer that is computed again holds its probabilities for its own backward pass alone.
    lean: !checkpointed && rows.some(({ segments }) => segments.some(({ keys }) => keys >= LEAN_KEYS)),
    checkpointed,
  }
}

/** What decides a batch's memory: packed tokens, rows, predictions, what attention is computed over and how often a key stands there. */
export type BatchSize = { tokens: number; rows: number; predictions: number; copies: number; blocks: readonly AttentionBlock<SegmentSize>[] }

/** Of a row as it is packed. */
export type RowSize = { tokens: number; predictions: number; segments: readonly SegmentSize[] }

export function sizeOfBatch(rows: readonly RowSize[]): BatchSize {
  return {
    tokens: rows.reduce((sum, { tokens }) => sum + tokens, 0),
    rows: rows.length,
    predictions: rows.reduce((sum, { predictions }) => sum + predictions, 0),
    copies: Math.max(...rows.map(({ segments }) => segments.length)),
    blocks: attentionBlocks(rows.flatMap(({ segments }) => segments)),
  }
}

/** What a task needs of a training step, wherever it computes. */
export type Step = {
  readonly parameters: readonly { name: string; weight: Float32Array }[]
  /** Runs a batch and adds its gradients to those of the step (or begins anew); `results` are written in place. */
  run(rows: readonly PackedRow[], batch: PackedBatch, feeds: Feeds, isFirst: boolean, results: Feeds): Promise<void>
  /** Gradients by weight name. */
  readGradients(): Promise<Map<string, Float32Array>>
  /** @param state continues a run. */
  updater(config: OptimizerConfig, state: Map<string, Float32Array>): Promise<Updater>
  /**
   * What training takes of this process's memory; that of a device is not counted.
   * @param batches sizes of the batches to come; accumulated gradients are held twice.
   */
  memory(batches: readonly BatchSize[], optim: OptimizerConfig['optim'], accumulates: boolean): TrainingMemory
  release(): Promise<void>
}

/** What a checkpoint's repetition begins with. */
export const ONE_FEED: Feeds = { [ONE]: { data: Float32Array.of(1), dims: [1] } }

export class TrainingStep implements Step {
  readonly parameters: Parameter[]
  private readonly session: GraphSession
  private readonly graph: Graph
  private readonly config: DecoderConfig
  private readonly weights: Feeds
  private readonly inGraph: Map<string, Array32>
  private readonly chunks: number
  private readonly ropeTables: RopeTables
  private scratch: Map<string, Array32> | undefined
  private embedded = new Float32Array(0)

  private constructor(session: GraphSession, graph: Graph, config: DecoderConfig, weights: ReadonlyMap<string, Tensor>, chunks: number) {
    this.session = session
    this.graph = graph
    this.config = config
    this.chunks = chunks
    this.ropeTables = new RopeTables(config)
    this.weights = weightFeeds(weights)
    this.inGraph = new Map()
    this.parameters = []
    for (const { name, shape, data } of weights.values()) {
      if (!isTrained(graph, name)) continue
      const gradient = new Float32Array(data.length)
      this.parameters.push({ name, weight: data, gradient })
      if (graph.outputs.has(gradientName(name))) this.inGraph.set(gradientName(name), { data: gradient, dims: shape })
    }
  }

  static async create(config: DecoderConfig, objective: Objective, weights: ReadonlyMap<string, Tensor>, threads: number, plan: MemoryPlan): Promise<TrainingStep> {
    const graph = buildTrainingGraph(config, objective, plan)
    return new TrainingStep(await GraphSession.create(graph, threads), graph, config, weights, plan.chunks)
  }

  /**
   * Runs a batch and adds its gradients to those of the step (or begins anew).
   * @param results further graph outputs, written in place.
   */
  async run(rows: readonly PackedRow[], batch: PackedBatch, feeds: Feeds, isFirst: boolean, results: Feeds): Promise<void> {
    const into = isFirst ? this.inGraph : (this.scratch ??= new Map([...this.inGraph].map(([name, { data, dims }]) => [name, { data: new Float32Array(data.length), dims }])))
    const tokens = batch.ids.length
    const { hidden } = this.config
    if (this.embedded.length < tokens * hidden) this.embedded = new Float32Array(tokens * hidden)
    const embedded = this.embedded.subarray(0, tokens * hidden)
    const embedding = this.parameters.find(({ name }) => name === EMBEDDING)?.gradient
    await this.session.run(
      { ...this.weights, ...ONE_FEED, ...batch.feeds, ...this.ropeTables.feeds(Math.max(...rows.map(contextLength))), ...chunkFeeds(batch.predictions, this.chunks), ...feeds },
      { ...Object.fromEntries(into), ...(embedding && { [EMBEDDED_GRADIENT]: { data: embedded, dims: [tokens, hidden] } }), ...results },
    )
    if (!isFirst) for (const [name, { data }] of into) addTo({ sum: this.inGraph.get(name)?.data as Float32Array, gradient: data as Float32Array }, {})
    if (embedding) {
      if (isFirst && !this.inGraph.has(gradientName(EMBEDDING))) embedding.fill(0)
      addRows(embedding, batch.ids, embedded, hidden)
    }
  }

  async readGradients(): Promise<Map<string, Float32Array>> {
    return new Map(this.parameters.map(({ name, gradient }) => [name, gradient]))
  }

  async updater(config: OptimizerConfig, state: Map<string, Float32Array>): Promise<Updater> {
    return hostUpdater(this.parameters, config, state)
  }

  memory(batches: readonly BatchSize[], optim: OptimizerConfig['optim'], accumulates: boolean): TrainingMemory {
    const weights = Object.values(this.weights).reduce((sum, { data }) => sum + data.byteLength, 0)
    const trained = this.parameters.reduce((sum, { gradient }) => sum + gradient.byteLength, 0)
    return stepMemory({ graph: this.graph, hidden: this.config.hidden, chunks: this.chunks, weights, trained }, batches, optim, accumulates)
  }

  async release(): Promise<void> {
    await this.session.release()
  }
}

/** A training graph and the bytes of what is fed to it and what it trains. */
export type StepSize = { graph: Graph; hidden: number; chunks: number; weights: number; trained: number }

/** As `TrainingStep.memory`, of a step that need not exist. */
export function stepMemory(step: StepSize, batches: readonly BatchSize[], optim: OptimizerConfig['optim'], accumulates: boolean): TrainingMemory {
  // The largest batch is the one with most tokens, most attention or most logits.
  const largest = (measure: (batch: BatchSize) => number): BatchSize | undefined => batches.toSorted((a, b) => measure(b) - measure(a))[0]
  const candidates = new Set([largest(({ tokens }) => tokens), largest(({ blocks }) => scoreCount(blocks)), largest(({ predictions }) => predictions)])
  return trainingMemory({
    weights: step.weights,
    gradients: step.trained * (accumulates ? 2 : 1),
    optimizer: step.trained * (optim === 'rmsprop' ? 1 : 2),
    activations: Math.max(...[...candidates].map(batch => (batch ? activationBytes(step, batch) : 0))),
  })
}

/** Values of the run, the masks it is fed and the embedded tokens. */
export function activationBytes({ graph, hidden, chunks }: Pick<StepSize, 'graph' | 'hidden' | 'chunks'>, { tokens, rows, predictions, copies, blocks }: BatchSize): number {
  const pieces = Object.fromEntries(Array.from({ length: chunks }, (_, i) => [`R${i}`, Math.ceil(predictions / chunks)]))
  const run = peakBytes(graph, { N: tokens, B: rows, R: predictions, C: copies, P: Math.max(...blocks.map(({ keys }) => keys)), ...blockSizes(blocks), ...pieces })
  return ARENA_OVERHEAD * run + 4 * (scoreCount(blocks) + 2 * tokens * hidden)
}

/** Whether a weight has a gradient in the graph. */
export function isTrained(graph: Graph, name: string): boolean {
  return graph.outputs.has(gradientName(name)) || (name === EMBEDDING && graph.outputs.has(EMBEDDED_GRADIENT))
}

export function weightFeeds(weights: ReadonlyMap<string, Tensor>): Feeds {
  return Object.fromEntries([...weights.values()].map(({ name, shape, data }) => [name, { data, dims: shape }]))
}

/** Packs rows for a training graph. @throws where a row is longer than the model's context. */
export function packTrainingRows(rows: readonly PackedRow[], config: DecoderConfig, columns: number, nameOf: (row: number) => string): PackedBatch {
  rows.forEach((row, i) => {
    // The last token of a completion is predicted, not computed, but belongs to the text.
    const length = contextLength(row) + Number(row.branches.length > 0)
    if (length > config.maxPositions) throw new Error(`${nameOf(i)}: expected at most ${config.maxPositions} tokens (max_position_embeddings), got ${length}; shorten it or set max_length`)
    const bad = [...row.ids, ...row.predictions.flatMap(({ labels }) => labels)].find(id => !Number.isInteger(id) || id < 0 || id >= config.vocabulary)
    if (bad !== undefined) throw new Error(`${nameOf(i)}: expected token ids below ${config.vocabulary} (vocab_size), got ${bad}; is it the model's own tokenizer?`)
  })
  return packRows(rows, config, columns)
}

export function chunkFeeds(rows: number, chunks: number): Feeds {
  if (chunks === 1) return {}
  const sizes = Array.from({ length: chunks }, (_, i) => BigInt(Math.floor(((i + 1) * rows) / chunks) - Math.floor((i * rows) / chunks)))
  return { chunks: { data: BigInt64Array.from(sizes), dims: [chunks] } }
}

/** Adds gradients to a sum of gradients, in place. */
export const addTo = elementwiseKernel({ arrays: ['sum', 'gradient'], scalars: [] }, ({ sum, gradient }) => [['sum', add(sum, gradient)]])

/** The gradient of an embedding lookup: rows of equal ids add up, in the order of the tokens. */
function addRows(table: Float32Array, ids: Int32Array, rows: Float32Array, width: number): void {
  for (let n = 0; n < ids.length; n++) {
    const to = (ids[n] as number) * width
    const from = n * width
    for (let i = 0; i < width; i++) table[to + i] = (table[to + i] as number) + (rows[from + i] as number)
  }
}
