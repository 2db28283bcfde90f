/**
 * `TrainingStep` on the WebGPU device: weights, gradients and the optimizer's state stay in its memory. What passes
 * between the memories each batch: token ids, masks and labels up; log-probabilities and the gradient of the looked-up
 * embedding rows down, and that gradient summed over equal ids up again.
 */
import { scoreCount } from './attention-blocks.ts'
import { DeviceMemory, dimNames } from './device-memory.ts'
import { DeviceOptimizer } from './device-optimizer.ts'
import type { DeviceParameter } from './device-optimizer.ts'
import type { OptimizerConfig } from './engine.ts'
import { Graph } from './graph.ts'
import { trainingMemory } from './memory.ts'
import type { TrainingMemory } from './memory.ts'
import { EMBEDDING } from './models/decoder.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { at } from './ops/op.ts'
import { contextLength, RopeTables } from './packing.ts'
import type { PackedBatch, PackedRow } from './packing.ts'
import type { Tensor } from './safetensors.ts'
import { GraphSession } from './session.ts'
import type { DeviceArray, Feeds } from './session.ts'
import { buildTrainingGraph, EMBEDDED_GRADIENT, gradientName } from './training-graph.ts'
import type { MemoryPlan, Objective } from './training-graph.ts'
import { chunkFeeds, ONE_FEED } from './training-step.ts'
import type { BatchSize, Step } from './training-step.ts'
import type { Updater } from './updater.ts'

/** The weights of a model in the device's memory; training replaces its arrays. */
export class DeviceWeights {
  readonly memory: DeviceMemory
  readonly arrays: Map<string, DeviceArray>

  private constructor(memory: DeviceMemory, arrays: Map<string, DeviceArray>) {
    this.memory = memory
    this.arrays = arrays
  }

  /** Release `memory` when done. */
  static async upload(weights: ReadonlyMap<string, Tensor>): Promise<DeviceWeights> {
    const memory = new DeviceMemory()
    try {
      const arrays = new Map<string, DeviceArray>()
      for (const { name, shape, data } of weights.values()) arrays.set(name, await memory.upload({ data, dims: shape }))
      return new DeviceWeights(memory, arrays)
    } catch (error) {
      await memory.release()
      throw error
    }
  }

  feeds(): Record<string, DeviceArray> {
    return Object.fromEntries(this.arrays)
  }
}

/** Small graphs beside the training graph. */
type Sessions = { training: GraphSession; addArrays: Map<number, GraphSession>; addRows: GraphSession }

export class DeviceTrainingStep implements Step {
  readonly parameters: readonly { name: string; weight: Float32Array }[]
  private readonly config: DecoderConfig
  private readonly weightBytes: number
  private readonly weights: DeviceWeights
  private readonly sessions: Sessions
  private readonly chunks: number
  private readonly ropeTables: RopeTables
  /** Gradients by weight name; `inGraph` are those that the training graph writes. */
  private readonly gradients: Map<string, DeviceArray>
  private readonly inGraph: readonly string[]
  private optimizer: DeviceOptimizer | undefined
  private updated: DeviceParameter[] = []

  private constructor(config: DecoderConfig, tensors: ReadonlyMap<string, Tensor>, weights: DeviceWeights, parameters: Tensor[], sessions: Sessions, chunks: number, gradients: Map<string, DeviceArray>, inGraph: readonly string[]) {
    this.config = config
    this.weights = weights
    this.weightBytes = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
    this.parameters = parameters.map(({ name, data }) => ({ name, weight: data }))
    this.sessions = sessions
    this.chunks = chunks
    this.ropeTables = new RopeTables(config)
    this.gradients = gradients
    this.inGraph = inGraph
  }

  static async create(config: DecoderConfig, objective: Objective, tensors: ReadonlyMap<string, Tensor>, weights: DeviceWeights, plan: MemoryPlan): Promise<DeviceTrainingStep> {
    const graph = buildTrainingGraph(config, objective, plan)
    const isInGraph = (name: string): boolean => graph.outputs.has(gradientName(name))
    const parameters = [...tensors.values()].filter(({ name }) => isInGraph(name) || (name === EMBEDDING && graph.outputs.has(EMBEDDED_GRADIENT)))
    const gradients = new Map<string, DeviceArray>()
    for (const { name, shape } of parameters) gradients.set(name, await weights.memory.borrow(shape))
    const addArrays = new Map<number, GraphSession>()
    for (const rank of new Set(parameters.map(({ shape }) => shape.length))) addArrays.set(rank, await GraphSession.create(addGraph(rank), 1, { device: 'webgpu' }))
    const sessions = { training: await GraphSession.create(graph, 1, { device: 'webgpu' }), addArrays, addRows: await GraphSession.create(addRowsGraph(), 1, { device: 'webgpu' }) }
    return new DeviceTrainingStep(config, tensors, weights, parameters, sessions, plan.chunks, gradients, parameters.map(({ name }) => name).filter(isInGraph))
  }

  async run(rows: readonly PackedRow[], batch: PackedBatch, feeds: Feeds, isFirst: boolean, results: Feeds): Promise<void> {
    const { memory } = this.weights
    const into = new Map<string, DeviceArray>()
    for (const name of this.inGraph) into.set(name, isFirst ? this.gradient(name) : await memory.borrow(this.gradient(name).dims))
    const [tokens, { hidden }] = [batch.ids.length, this.config]
    const hasEmbedding = this.gradients.has(EMBEDDING)
    const embedded = new Float32Array(hasEmbedding ? tokens * hidden : 0)
    await this.sessions.training.run(
      { ...this.weights.feeds(), ...ONE_FEED, ...batch.feeds, ...this.ropeTables.feeds(Math.max(...rows.map(contextLength))), ...chunkFeeds(batch.predictions, this.chunks), ...feeds },
      { ...Object.fromEntries([...into].map(([name, array]) => [gradientName(name), array])), ...(hasEmbedding && { [EMBEDDED_GRADIENT]: { data: embedded, dims: [tokens, hidden] } }), ...results },
    )
    if (!isFirst) for (const [name, array] of into) await this.accumulate(name, array)
    if (!hasEmbedding) return
    if (isFirst && !into.has(EMBEDDING)) await memory.write(this.gradient(EMBEDDING), new Float32Array(this.config.vocabulary * hidden))
    await this.addEmbeddedRows(batch.ids, embedded)
  }

  async readGradients(): Promise<Map<string, Float32Array>> {
    const arrays = new Map<string, Float32Array>()
    for (const { name, weight } of this.parameters) {
      const data = new Float32Array(weight.length)
      await this.weights.memory.read(this.gradient(name), data)
      arrays.set(name, data)
    }
    return arrays
  }

  async updater(config: OptimizerConfig, state: Map<string, Float32Array>): Promise<Updater> {
    const { memory, arrays } = this.weights
    // A continued run has put its checkpoint into our arrays.
    for (const { name, weight } of this.parameters) await memory.write(this.weight(name), weight)
    this.updated = this.parameters.map(({ name }) => ({ name, dims: this.weight(name).dims, weight: this.weight(name), gradient: this.gradient(name) }))
    const optimizer = await DeviceOptimizer.create(memory, config, this.updated, state)
    this.optimizer = optimizer
    return {
      norm: () => {
        for (const parameter of this.updated) parameter.gradient = this.gradient(parameter.name)
        return optimizer.norm()
      },
      update: async (step, learningRate, gradientScale) => {
        await optimizer.update(step, learningRate, gradientScale)
        for (const { name, weight } of this.updated) arrays.set(name, weight)
      },
      read: async () => {
        await this.readWeights()
        return optimizer.readState()
      },
    }
  }

  /**
   * Here are our copy of the weights, a batch's masks, its embedded rows with their sums, and the zeros that an
   * embedding's gradient begins with; the rest is on the device, whose memory nobody tells.
   */
  memory(batches: readonly BatchSize[]): TrainingMemory {
    const { hidden, vocabulary } = this.config
    const hasEmbedding = this.gradients.has(EMBEDDING)
    const zeros = hasEmbedding && !this.inGraph.includes(EMBEDDING) ? vocabulary * hidden : 0
    const largest = batches.reduce((most, { tokens, blocks }) => Math.max(most, scoreCount(blocks) + (hasEmbedding ? 3 * tokens * hidden : 0)), 0)
    return trainingMemory({ weights: this.weightBytes, gradients: 0, optimizer: 0, activations: 4 * (zeros + largest) })
  }

  /** Fetches the weights as they are now, then frees what training alone needed. */
  async release(): Promise<void> {
    try {
      if (this.optimizer) await this.readWeights()
    } finally {
      const { training, addArrays, addRows } = this.sessions
      for (const session of [training, ...addArrays.values(), addRows]) await session.release()
      await this.optimizer?.release()
      for (const array of this.gradients.values()) this.weights.memory.giveBack(array)
    }
  }

  private async readWeights(): Promise<void> {
    for (const { name, weight } of this.parameters) await this.weights.memory.read(this.weight(name), weight)
  }

  private gradient(name: string): DeviceArray {
    return required(this.gradients, name)
  }

  private weight(name: string): DeviceArray {
    return required(this.weights.arrays, name)
  }

  private async accumulate(name: string, more: DeviceArray): Promise<void> {
    const { memory } = this.weights
    const [sofar, sum] = [this.gradient(name), await memory.borrow(more.dims)]
    await required(this.sessions.addArrays, more.dims.length).run({ a: sofar, b: more }, { sum })
    this.gradients.set(name, sum)
    memory.giveBack(sofar)
    memory.giveBack(more)
  }

  /** Rows of equal ids are summed here, in the order of the tokens: sums on the device would have none. */
  private async addEmbeddedRows(ids: Int32Array, rows: Float32Array): Promise<void> {
    const { memory } = this.weights
    const { hidden } = this.config
    const places = new Map<number, number>()
    for (const id of ids) if (!places.has(id)) places.set(id, places.size)
    const dims = [places.size, hidden]
    const [indices, updates] = [new Int32Array(places.size * hidden), new Float32Array(places.size * hidden)]
    for (const [id, place] of places) indices.fill(id, place * hidden, (place + 1) * hidden)
    ids.forEach((id, n) => {
      const to = (places.get(id) ?? 0) * hidden
      for (let i = 0; i < hidden; i++) updates[to + i] = (updates[to + i] as number) + (rows[n * hidden + i] as number)
    })
    const [table, sum] = [this.gradient(EMBEDDING), await memory.borrow(this.gradient(EMBEDDING).dims)]
    await this.sessions.addRows.run({ table, indices: { data: indices, dims }, updates: { data: updates, dims } }, { sum })
    this.gradients.set(EMBEDDING, sum)
    memory.giveBack(table)
  }
}

function required<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key)
  if (value === undefined) throw new Error(`expected "${String(key)}" among what is on the device, found ${[...map.keys()].join(', ')}`)
  return value
}

function addGraph(rank: number): Graph {
  const graph = new Graph()
  const shape = dimNames(rank)
  graph.output('sum', graph.add(graph.input('a', shape), graph.input('b', shape)))
  return graph
}

function addRowsGraph(): Graph {
  const graph = new Graph()
  const [table, indices, updates] = [graph.input('table', ['V', 'W']), graph.input('indices', ['U', 'W'], 'int32'), graph.input('updates', ['U', 'W'])]
  graph.output('sum', at(graph.apply('ScatterAdd', [table, indices, updates], { axis: 0 }), 0))
  return graph
}
