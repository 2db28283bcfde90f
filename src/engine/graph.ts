/**
 * Builds a computation as nodes with known shapes and types, and writes it as an ONNX model. Knows nothing of
 * networks; what an operation means is in `ops/`.
 */
import type { Device } from './device.ts'
import type { Shape } from './dims.ts'
import { isSameShape, product, showShape } from './dims.ts'
import { encodeModel } from './onnx-proto.ts'
import type { DataType, OnnxInitializer, OnnxNode } from './onnx-proto.ts'
import { OPS } from './ops/index.ts'
import { at } from './ops/op.ts'
import type { Op, OpAttributes, OpName } from './ops/op.ts'

export const BYTES: Record<DataType, number> = { float32: 4, int32: 4, int64: 8, uint8: 1 }

export type Value = { readonly id: number; readonly shape: Shape; readonly type: DataType; readonly producer: GraphNode | undefined }

export type GraphNode<K extends OpName = OpName> = {
  readonly op: K
  readonly name: string
  readonly inputs: readonly Value[]
  readonly attributes: OpAttributes[K]
  readonly outputs: readonly Value[]
}

/** The first output of every model, an empty list; `session.ts` says what for. */
export const UNREADABLE_OUTPUT = 'unreadable'

/** The entry of an operation; the one place that forgets which operation it is. */
export function opOf(name: OpName): Op<OpName> {
  return OPS[name] as unknown as Op<OpName>
}

export class Graph {
  readonly nodes: GraphNode[] = []
  readonly inputs = new Map<string, Value>()
  readonly outputs = new Map<string, Value>()
  private readonly constants = new Map<Value, OnnxInitializer>()
  /** Pieces whose values a backward pass computes again from `from`, not to keep them. */
  readonly checkpoints: { from: Value; nodes: readonly GraphNode[] }[] = []
  private readonly known = new Map<string, GraphNode>()
  private readonly recomputed = new Map<Value, Value>()
  private scopeName = ''
  private nextId = 0

  /** Declares a graph input. */
  input(name: string, shape: Shape, type: DataType = 'float32'): Value {
    if (this.inputs.has(name)) throw new Error(`graph input "${name}" is declared twice`)
    const value = this.value(shape, type, undefined)
    this.inputs.set(name, value)
    return value
  }

  /** A float32 constant. */
  constant(values: readonly number[], shape: readonly number[]): Value {
    const data = Float32Array.from(values)
    const key = `constant ${showShape(shape)} ${data.join(' ')}`
    for (const [value, initializer] of this.constants) if (initializer.name === key) return value
    const value = this.value(shape, 'float32', undefined)
    this.constants.set(value, { name: key, type: 'float32', shape, data })
    return value
  }

  scalar(value: number): Value {
    return this.constant([value], [1])
  }

  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw new Error(`graph output "${name}" is declared twice`)
    this.outputs.set(name, value)
  }

  /** Nodes built inside are named `name/…`, so errors and profiles say where they are. */
  scope<T>(name: string, build: () => T): T {
    const outer = this.scopeName
    this.scopeName = outer ? `${outer}/${name}` : name
    try {
      return build()
    } finally {
      this.scopeName = outer
    }
  }

  /** What `build` makes of x, to be computed again from x where gradients want its values (gradient checkpointing, Chen et al. 2016). */
  checkpoint(from: Value, build: (x: Value) => Value): Value {
    const start = this.nodes.length
    const result = build(from)
    this.checkpoints.push({ from, nodes: this.nodes.slice(start) })
    return result
  }

  /** Adds a node, or finds the equal one. @throws with the node's name and the shapes where they do not fit. */
  apply<K extends OpName>(op: K, inputs: readonly Value[], attributes: OpAttributes[K]): readonly Value[] {
    const key = `${op} ${inputs.map(input => input.id).join(' ')} ${JSON.stringify(attributes)}`
    const existing = this.known.get(key)
    if (existing) return existing.outputs
    const name = `${this.scopeName}/${op}.${this.nodes.length}`
    let results
    try {
      results = opOf(op).results(inputs, attributes)
    } catch (error) {
      throw new Error(`${op}: ${(error as Error).message}; inputs ${inputs.map(input => `${input.type}${showShape(input.shape)}`).join(', ')} (node "${name}")`)
    }
    const outputs: Value[] = []
    const node: GraphNode<K> = { op, name, inputs, attributes, outputs }
    for (const { shape, type } of results) outputs.push(this.value(shape, type, node as unknown as GraphNode))
    this.nodes.push(node as unknown as GraphNode)
    this.known.set(key, node as unknown as GraphNode)
    return outputs
  }

  add(a: Value, b: Value): Value {
    return at(this.apply('Add', [a, b], {}), 0)
  }

  sub(a: Value, b: Value): Value {
    return at(this.apply('Sub', [a, b], {}), 0)
  }

  mul(a: Value, b: Value): Value {
    return at(this.apply('Mul', [a, b], {}), 0)
  }

  matmul(a: Value, b: Value, { transA = false, transB = false, alpha = 1 } = {}): Value {
    return at(this.apply('MatMul', [a, b], { transA, transB, alpha }), 0)
  }

  reshape(x: Value, shape: Shape): Value {
    return isSameShape(x.shape, shape) ? x : at(this.apply('Reshape', [x], { shape }), 0)
  }

  sum(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return at(this.apply('ReduceSum', [x], { axes, keepDims }), 0)
  }

  /** The value as a backward pass should read it: computed again where its operation knows how. */
  saved(value: Value): Value {
    const again = this.recomputed.get(value)
    if (again) return again
    const node = value.producer
    const recompute = node && node.outputs[0] === value ? opOf(node.op).recompute : undefined
    const result = node && recompute ? recompute(this, node) : value
    this.recomputed.set(value, result)
    return result
  }

  /**
   * ONNX bytes of everything the outputs need, in operators that are right on the device.
   * @param frozen inputs that become constants, their data handed over when the session is created: onnxruntime then
   * lays matrices out for its kernels once, in memory of its own.
   */
  encode({ device = 'cpu', frozen = new Set(), fewRows = false }: { device?: Device; frozen?: ReadonlySet<string>; fewRows?: boolean } = {}): Uint8Array {
    const names = new Map<Value, string>()
    for (const [name, value] of this.inputs) names.set(value, name)
    const aliases: { from: Value; to: string }[] = []
    for (const [name, value] of this.outputs) {
      if (names.has(value) || !value.producer) aliases.push({ from: value, to: name })
      else names.set(value, name)
    }
    const nameOf = (value: Value): string => names.get(value) ?? this.constants.get(value)?.name ?? `v${value.id}`
    const live = this.liveNodes()
    const read = new Set([...live.flatMap(node => node.inputs), ...this.outputs.values()])
    const written = new Map<string, OnnxInitializer>()
    const emitted: OnnxNode[] = []
    let temporaries = 0
    for (const node of live) {
      let part = 0
      opOf(node.op).emit(node, {
        device,
        fewRows,
        name: nameOf,
        temporary: () => `t${temporaries++}`,
        int64: values => {
          const name = `int64 ${showShape(values)}`
          written.set(name, { name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })
          return name
        },
        scalar: value => {
          const name = `float32 ${value}`
          written.set(name, { name, type: 'float32', shape: [1], data: Float32Array.of(value) })
          return name
        },
        zeros: shape => {
          const name = `zeros ${showShape(shape)}`
          written.set(name, { name, type: 'float32', shape, data: new Float32Array(shape.reduce((size, dim) => size * dim, 1)) })
          return name
        },
        isRead: value => read.has(value),
        node: (op, inputs, outputs, attributes, domain) => {
          emitted.push({ op, inputs, outputs, name: part++ === 0 ? node.name : `${node.name}.${part}`, ...(attributes && { attributes }), ...(domain && { domain }) })
        },
      })
    }
    for (const { from, to } of aliases) emitted.push({ op: 'Identity', inputs: [nameOf(from)], outputs: [to], name: `output ${to}` })
    const used = new Set(emitted.flatMap(node => node.inputs))
    const constants = [...this.constants.values(), ...written.values()].filter(initializer => used.has(initializer.name))
    return encodeModel({
      nodes: [{ op: 'SequenceEmpty', name: UNREADABLE_OUTPUT, inputs: [], outputs: [UNREADABLE_OUTPUT] }, ...leavesLast(emitted, used)],
      inputs: [...this.inputs].filter(([name]) => used.has(name) && !frozen.has(name)).map(([name, value]) => ({ name, type: value.type, shape: value.shape })),
      outputs: [{ name: UNREADABLE_OUTPUT, type: 'float32', shape: 'sequence' }, ...[...this.outputs].map(([name, value]) => ({ name, type: value.type, shape: value.shape }))],
      initializers: [...constants, ...[...this.inputs].filter(([name]) => used.has(name) && frozen.has(name)).map(([name, value]) => external(name, value))],
    })
  }

  /** The nodes that outputs depend on, in order; gradients nobody asked for are left out. */
  liveNodes(): GraphNode[] {
    const needed = new Set<GraphNode>()
    const pending = [...this.outputs.values()]
    for (let value = pending.pop(); value; value = pending.pop()) {
      if (!value.producer || needed.has(value.producer)) continue
      needed.add(value.producer)
      pending.push(...value.producer.inputs)
    }
    return this.nodes.filter(node => needed.has(node))
  }

  private value(shape: Shape, type: DataType, producer: GraphNode | undefined): Value {
    return { id: this.nextId++, shape: shape.map(dim => product([dim])), type, producer }
  }
}

/** A constant whose bytes are found under its name beside the model. */
function external(name: string, { type, shape }: Value): OnnxInitializer {
  const sizes = shape.map(Number)
  if (sizes.some(Number.isNaN)) throw new Error(`graph input "${name}": expected a fixed shape to freeze it, got ${showShape(shape)}`)
  return { name, type, shape: sizes, data: { external: sizes.reduce((a, b) => a * b, BYTES[type]) } }
}

/**
 * onnxruntime orders nodes by reverse depth-first search from the leaves, last leaf first. With weight gradients
 * last and in reverse each runs as soon as its inputs exist, and those are freed (peak memory, shared/engine.md).
 */
function leavesLast(nodes: OnnxNode[], used: Set<string>): OnnxNode[] {
  const isLeaf = (node: OnnxNode): boolean => !node.outputs.some(output => used.has(output))
  return [...nodes.filter(node => !isLeaf(node)), ...nodes.filter(isLeaf).reverse()]
}
