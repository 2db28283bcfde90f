/**
 * AdamW and RMSprop on arrays of the WebGPU device, as graphs: the arithmetic of `optimizer.ts`, in float32 throughout.
 * Weights, gradients and state never leave the device; per step a handful of numbers goes up and one per weight comes
 * down (squared norms).
 */
import { dimNames } from './device-memory.ts'
import type { DeviceMemory } from './device-memory.ts'
import type { OptimizerConfig } from './engine.ts'
import { Graph } from './graph.ts'
import type { Value } from './graph.ts'
import { isDecayed, RMSPROP_ALPHA, RMSPROP_EPSILON } from './optimizer.ts'
import { at } from './ops/op.ts'
import { GraphSession } from './session.ts'
import type { Array32, DeviceArray } from './session.ts'

export type DeviceParameter = { name: string; dims: readonly number[]; weight: DeviceArray; gradient: DeviceArray }

type Kind = 'exp_avg' | 'exp_avg_sq' | 'square_avg'
const STATE: Record<OptimizerConfig['optim'], readonly Kind[]> = { adamw_torch: ['exp_avg', 'exp_avg_sq'], rmsprop: ['square_avg'] }

export class DeviceOptimizer {
  private readonly memory: DeviceMemory
  private readonly config: OptimizerConfig
  private readonly parameters: readonly DeviceParameter[]
  private readonly state: Map<string, DeviceArray>
  /** By number of dimensions. */
  private readonly sessions: Map<number, GraphSession>
  private readonly norms: GraphSession

  private constructor(memory: DeviceMemory, config: OptimizerConfig, parameters: readonly DeviceParameter[], state: Map<string, DeviceArray>, sessions: Map<number, GraphSession>, norms: GraphSession) {
    this.memory = memory
    this.config = config
    this.parameters = parameters
    this.state = state
    this.sessions = sessions
    this.norms = norms
  }

  /** @param saved continues a run; missing arrays start at zero. */
  static async create(memory: DeviceMemory, config: OptimizerConfig, parameters: readonly DeviceParameter[], saved: ReadonlyMap<string, Float32Array>): Promise<DeviceOptimizer> {
    const state = new Map<string, DeviceArray>()
    for (const { name, dims } of parameters) {
      const length = dims.reduce((a, b) => a * b, 1)
      for (const kind of STATE[config.optim]) {
        const data = saved.get(`${kind}.${name}`) ?? new Float32Array(length)
        if (data.length !== length) throw new Error(`optimizer state "${kind}.${name}": expected ${length} numbers, got ${data.length}; the checkpoint belongs to another model`)
        state.set(`${kind}.${name}`, await memory.upload({ data, dims }))
      }
    }
    const sessions = new Map<number, GraphSession>()
    for (const rank of new Set(parameters.map(({ dims }) => dims.length))) sessions.set(rank, await GraphSession.create(updateGraph(config, rank), 1, { device: 'webgpu' }))
    return new DeviceOptimizer(memory, config, parameters, state, sessions, await GraphSession.create(normGraph(parameters), 1, { device: 'webgpu' }))
  }

  async norm(): Promise<number> {
    const squares = new Float32Array(this.parameters.length)
    await this.norms.run(Object.fromEntries(this.parameters.map(({ gradient }, i) => [`g${i}`, gradient])), { squares: { data: squares, dims: [squares.length] } })
    return Math.sqrt(squares.reduce((total, square) => total + square, 0))
  }

  async update(step: number, learningRate: number, gradientScale: number): Promise<void> {
    const { adam_beta1: beta1, adam_beta2: beta2, weight_decay: decay } = this.config
    const scalar = (value: number): Array32 => ({ data: Float32Array.of(value), dims: [1] })
    const common = { gradientScale: scalar(gradientScale), learningRate: scalar(learningRate), stepSize: scalar(learningRate / (1 - beta1 ** step)), correction: scalar(Math.sqrt(1 - beta2 ** step)) }
    for (const parameter of this.parameters) {
      const { name, dims, weight, gradient } = parameter
      const own = isDecayed(name) ? decay : 0
      const kinds = STATE[this.config.optim]
      const before = kinds.map(kind => [kind, this.state.get(`${kind}.${name}`) as DeviceArray] as const)
      const after = [['weight', await this.memory.borrow(dims)] as const, ...await Promise.all(kinds.map(async kind => [kind, await this.memory.borrow(dims)] as const))]
      const session = this.sessions.get(dims.length) as GraphSession
      await session.run({ ...common, decay: scalar(own), keep: scalar(1 - learningRate * own), weight, gradient, ...Object.fromEntries(before) }, Object.fromEntries(after.map(([kind, array]) => [`new ${kind}`, array])))
      for (const array of [weight, ...before.map(([, array]) => array)]) this.memory.giveBack(array)
      for (const [kind, array] of after) {
        if (kind === 'weight') parameter.weight = array
        else this.state.set(`${kind}.${name}`, array)
      }
    }
  }

  async readState(): Promise<Map<string, Float32Array>> {
    const arrays = new Map<string, Float32Array>()
    for (const [name, array] of this.state) {
      const data = new Float32Array(array.dims.reduce((a, b) => a * b, 1))
      await this.memory.read(array, data)
      arrays.set(name, data)
    }
    return arrays
  }

  async release(): Promise<void> {
    for (const session of [...this.sessions.values(), this.norms]) await session.release()
    for (const array of this.state.values()) this.memory.giveBack(array)
  }
}

/** Squared norm of each gradient g0, g1, … → `squares`. */
function normGraph(parameters: readonly DeviceParameter[]): Graph {
  const graph = new Graph()
  const squares = parameters.map(({ dims }, i) => {
    const gradient = graph.input(`g${i}`, dims)
    // Row by row, then the rows: sums of like size lose less.
    const rows = graph.sum(graph.mul(gradient, gradient), [dims.length - 1], false)
    return dims.length === 1 ? graph.reshape(rows, [1]) : graph.reshape(graph.sum(rows, Array.from({ length: dims.length - 1 }, (_, axis) => axis), false), [1])
  })
  graph.output('squares', squares.length === 1 ? at(squares, 0) : at(graph.apply('Concat', squares, { axis: 0, sized: false }), 0))
  return graph
}

function updateGraph(config: OptimizerConfig, rank: number): Graph {
  const graph = new Graph()
  const shape = dimNames(rank)
  const scalar = (name: string): Value => graph.input(name, [1])
  const apply = (op: 'Div' | 'Sqrt', ...inputs: Value[]): Value => at(graph.apply(op, inputs, {}), 0)
  const weight = graph.input('weight', shape)
  const gradient = graph.mul(graph.input('gradient', shape), scalar('gradientScale'))
  if (config.optim === 'adamw_torch') {
    const [m, v] = [graph.input('exp_avg', shape), graph.input('exp_avg_sq', shape)]
    const mean = graph.add(m, graph.mul(graph.sub(gradient, m), graph.scalar(1 - config.adam_beta1)))
    const square = graph.add(graph.mul(v, graph.scalar(config.adam_beta2)), graph.mul(graph.mul(gradient, gradient), graph.scalar(1 - config.adam_beta2)))
    const denominator = graph.add(apply('Div', apply('Sqrt', square), scalar('correction')), graph.scalar(config.adam_epsilon))
    graph.output('new weight', graph.sub(graph.mul(weight, scalar('keep')), apply('Div', graph.mul(mean, scalar('stepSize')), denominator)))
    graph.output('new exp_avg', mean)
    graph.output('new exp_avg_sq', square)
  } else {
    const decayed = graph.add(gradient, graph.mul(weight, scalar('decay')))
    const square = graph.add(graph.mul(graph.input('square_avg', shape), graph.scalar(RMSPROP_ALPHA)), graph.mul(graph.mul(decayed, decayed), graph.scalar(1 - RMSPROP_ALPHA)))
    const denominator = graph.add(apply('Sqrt', square), graph.scalar(RMSPROP_EPSILON))
    graph.output('new weight', graph.sub(weight, apply('Div', graph.mul(decayed, scalar('learningRate')), denominator)))
    graph.output('new square_avg', square)
  }
  return graph
}
