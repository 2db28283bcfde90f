/**
 * An example of every operation with its definition in plain float64 arithmetic, and what comparing an engine's
 * results with it takes: values directly, gradients by central differences of the definition.
 */
import { differentiate } from '../../src/engine/autodiff.ts'
import type { Device } from '../../src/engine/device.ts'
import { Graph, opOf } from '../../src/engine/graph.ts'
import { OPS } from '../../src/engine/ops/index.ts'
import { at, notDifferentiable } from '../../src/engine/ops/op.ts'
import type { OpAttributes, OpName } from '../../src/engine/ops/op.ts'
import { createRandom } from '../../src/engine/rng.ts'
import { emptyArrays, GraphSession } from '../../src/engine/session.ts'
import type { Array32 } from '../../src/engine/session.ts'

export type Nd = { shape: number[]; data: number[] }
/** Random numbers in float32 unless said otherwise; only float32 inputs have a gradient. */
type Input = { shape: number[]; integers?: number[]; type?: 'int32' | 'int64' }
type Example<K extends OpName> = {
  inputs: Input[]
  attributes: OpAttributes[K]
  /** Outputs in float64; further outputs of the operation (kept for its gradient) are not compared. */
  reference(inputs: Nd[]): Nd[]
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const value = (x: Nd, i: number): number => x.data[i] ?? NaN
const map = (x: Nd, f: (v: number) => number): Nd => ({ shape: x.shape, data: x.data.map(f) })

function binary(a: Nd, b: Nd, f: (x: number, y: number) => number): Nd {
  const rank = Math.max(a.shape.length, b.shape.length)
  const dim = (x: Nd, i: number): number => x.shape[x.shape.length - rank + i] ?? 1
  const shape = Array.from({ length: rank }, (_, i) => Math.max(dim(a, i), dim(b, i)))
  const offset = (x: Nd, flat: number): number => {
    let [rest, stride, index] = [flat, 1, 0]
    for (let i = rank - 1; i >= 0; i--) {
      const position = rest % (shape[i] ?? 1)
      rest = Math.floor(rest / (shape[i] ?? 1))
      if (dim(x, i) > 1) index += position * stride
      stride *= dim(x, i)
    }
    return index
  }
  return { shape, data: Array.from({ length: size(shape) }, (_, i) => f(value(a, offset(a, i)), value(b, offset(b, i)))) }
}

function transpose(x: Nd): Nd {
  const [rows = 1, columns = 1] = x.shape.slice(-2)
  const data = x.data.map((_, i) => {
    const [block, rest] = [Math.floor(i / (rows * columns)), i % (rows * columns)]
    return value(x, block * rows * columns + (rest % rows) * columns + Math.floor(rest / rows))
  })
  return { shape: [...x.shape.slice(0, -2), columns, rows], data }
}

function matmul(a: Nd, b: Nd): Nd {
  const [m = 1, k = 1] = a.shape.slice(-2)
  const n = b.shape.at(-1) ?? 1
  const shape = [...a.shape.slice(0, -1), n]
  const data = Array.from({ length: size(shape) }, (_, i) => {
    const [block, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n]
    let sum = 0
    for (let j = 0; j < k; j++) sum += value(a, block * m * k + row * k + j) * value(b, block * k * n + j * n + column)
    return sum
  })
  return { shape, data }
}

/** Applies f to each row of the last dimension. */
function perRow(x: Nd, f: (row: number[]) => number[]): Nd {
  const width = x.shape.at(-1) ?? 1
  const data = Array.from({ length: size(x.shape) / width }, (_, r) => f(x.data.slice(r * width, (r + 1) * width))).flat()
  return { shape: [...x.shape.slice(0, -1), data.length / (size(x.shape) / width)], data }
}

const softmax = (row: number[]): number[] => {
  const top = Math.max(...row)
  const exps = row.map(v => Math.exp(v - top))
  const total = exps.reduce((a, b) => a + b, 0)
  return exps.map(v => v / total)
}
const logSoftmax = (row: number[]): number[] => softmax(row).map(Math.log)
const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v))

/** Rotates halves of each head of rows [.., heads·D] by cos and sin [P, D/2] at the rows' positions. */
function rotate(x: Nd, positions: number[], cos: Nd, sin: Nd): Nd {
  const half = cos.shape[1] ?? 1
  const width = x.shape.at(-1) ?? 1
  return {
    shape: x.shape,
    data: x.data.map((v, i) => {
      const [row, inHead] = [Math.floor(i / width), i % (2 * half)]
      const angle = (positions[row] ?? 0) * half + (inHead % half)
      return v * value(cos, angle) + (inHead < half ? -value(x, i + half) : value(x, i - half)) * value(sin, angle)
    }),
  }
}

function gather(x: Nd, index: Nd): Nd {
  const width = x.shape.at(-1) ?? 1
  return { shape: [...index.shape, width], data: index.data.flatMap(i => x.data.slice(i * width, (i + 1) * width)) }
}

function reduce(x: Nd, f: (values: number[]) => number): Nd {
  // The examples reduce axis 1 of [2, 3, 2] and keep it.
  return { shape: [2, 1, 2], data: [0, 1, 6, 7].map(start => f([0, 2, 4].map(step => value(x, start + step)))) }
}

function attention([q, k, v, mask]: Nd[], scale: number): Nd {
  if (!q || !k || !v || !mask) throw new Error('attention has four inputs')
  const scores = binary(map(matmul(q, transpose(k)), s => s * scale), mask, (a, b) => a + b)
  return matmul(perRow(scores, softmax), v)
}

const r = (shape: number[]): Input => ({ shape })
const int32 = (shape: number[], integers: number[]): Input => ({ shape, integers, type: 'int32' })
const int64 = (shape: number[], integers: number[]): Input => ({ shape, integers, type: 'int64' })
const elementwise = <K extends 'Neg' | 'Exp' | 'Sigmoid' | 'Step' | 'Silu'>(f: (v: number) => number): Example<K> => ({ inputs: [r([2, 3])], attributes: {} as OpAttributes[K], reference: ([x]) => [map(x as Nd, f)] })
const broadcasting = <K extends 'Add' | 'Sub' | 'Mul' | 'Div'>(f: (x: number, y: number) => number): Example<K> => ({ inputs: [r([2, 3, 4]), r([3, 1])], attributes: {} as OpAttributes[K], reference: ([a, b]) => [binary(a as Nd, b as Nd, f)] })

const EXAMPLES: { [K in OpName]: Example<K>[] } = {
  Add: [broadcasting((x, y) => x + y), { ...broadcasting<'Add'>((x, y) => x + y), inputs: [r([4]), r([3, 4])] }],
  Sub: [broadcasting((x, y) => x - y)],
  Mul: [broadcasting((x, y) => x * y)],
  // Whole divisors and radicands, far from 0, where differences say nothing.
  Div: [{ ...broadcasting<'Div'>((x, y) => x / y), inputs: [r([2, 3, 4]), { shape: [3, 1], integers: [2, -3, 5] }] }, { inputs: [r([3, 2]), { shape: [1], integers: [3] }], attributes: {}, reference: ([a, b]) => [binary(a as Nd, b as Nd, (x, y) => x / y)] }],
  Neg: [elementwise(v => -v)],
  Exp: [elementwise(Math.exp)],
  Sigmoid: [elementwise(sigmoid)],
  Sqrt: [{ inputs: [{ shape: [4], integers: [1, 2, 3, 10] }], attributes: {}, reference: ([x]) => [map(x as Nd, Math.sqrt)] }],
  Step: [elementwise(v => (v > 0 ? 1 : 0)), { inputs: [{ shape: [3], integers: [-1, 0, 2] }], attributes: {}, reference: () => [{ shape: [3], data: [0, 0, 1] }] }],
  Silu: [elementwise(v => v * sigmoid(v))],
  MatMul: [false, true].flatMap(transA => [false, true].flatMap(transB => [[], [2, 2]].map((lead): Example<'MatMul'> => ({
    inputs: [r([...lead, ...(transA ? [4, 3] : [3, 4])]), r([...lead, ...(transB ? [5, 4] : [4, 5])])],
    attributes: { transA, transB, alpha: lead.length ? 0.7 : 1 },
    reference: ([a, b]) => [map(matmul(transA ? transpose(a as Nd) : a as Nd, transB ? transpose(b as Nd) : b as Nd), v => (lead.length ? 0.7 : 1) * v)],
  })))),
  Gemm: [false, true].flatMap(transA => [false, true].map((transB): Example<'Gemm'> => ({
    inputs: [r(transA ? [4, 3] : [3, 4]), r(transB ? [5, 4] : [4, 5]), r([3, 5])],
    attributes: { transA, transB },
    reference: ([a, b, c]) => [binary(matmul(transA ? transpose(a as Nd) : a as Nd, transB ? transpose(b as Nd) : b as Nd), c as Nd, (x, y) => x + y)],
  }))),
  // It has no nodes of its own, and none on WebGPU at all; `ops.test.ts` multiplies with it.
  QuantizedWeight: [],
  Reshape: [{ inputs: [r([2, 6])], attributes: { shape: [3, 4] }, reference: ([x]) => [{ shape: [3, 4], data: (x as Nd).data }] }],
  Concat: [{ inputs: [r([2, 3]), r([1, 3]), int64([2], [2, 1])], attributes: { axis: 0, sized: true }, reference: ([a, b]) => [{ shape: [3, 3], data: [...(a as Nd).data, ...(b as Nd).data] }] }],
  Split: [{ inputs: [r([3, 2]), int64([2], [1, 2])], attributes: { sizes: [1, 2] }, reference: ([x]) => [{ shape: [1, 2], data: (x as Nd).data.slice(0, 2) }, { shape: [2, 2], data: (x as Nd).data.slice(2) }] }],
  ReduceSum: [{ inputs: [r([2, 3, 2])], attributes: { axes: [1], keepDims: true }, reference: ([x]) => [reduce(x as Nd, v => v.reduce((a, b) => a + b))] }],
  ReduceMean: [{ inputs: [r([2, 3, 2])], attributes: { axes: [1], keepDims: true }, reference: ([x]) => [reduce(x as Nd, v => v.reduce((a, b) => a + b) / 3)] }],
  ReduceMax: [{ inputs: [r([2, 3, 2])], attributes: { axes: [1], keepDims: true }, reference: ([x]) => [reduce(x as Nd, v => Math.max(...v))] }],
  Lookup: [{ inputs: [r([4, 3]), int32([3], [2, 0, 2])], attributes: {}, reference: ([x, i]) => [gather(x as Nd, i as Nd)] }],
  // Indices and places say the same, as their contract demands: rows at one place, at none, at several of two parts.
  Spread: [
    { inputs: [r([3, 2]), int32([1, 3], [1, 2, 0]), int32([3, 1], [2, 0, 1])], attributes: {}, reference: ([x, , i]) => [gather(x as Nd, i as Nd)] },
    { inputs: [r([4, 2]), int32([1, 4], [2, 1, 2, 0]), int32([2], [3, 1])], attributes: {}, reference: ([x, , i]) => [gather(x as Nd, i as Nd)] },
    { inputs: [r([3, 2]), int32([2, 3], [0, 1, 3, 2, 4, 4]), int32([2], [0, 1]), int32([2, 1], [0, 2])], attributes: {}, reference: ([x, , i, j]) => [gather(x as Nd, i as Nd), gather(x as Nd, j as Nd)] },
  ],
  Collect: [
    { inputs: [int32([1, 3], [2, 0, 1]), int32([1], [1]), int32([2, 1], [2, 0]), r([1, 2]), r([2, 1, 2])], attributes: {}, reference: ([, , , a, b]) => [gather({ shape: [3, 2], data: [...(a as Nd).data, ...(b as Nd).data] }, { shape: [3], data: [2, 0, 1] })] },
    { inputs: [int32([2, 2], [0, 1, 2, 3]), int32([2], [0, 1]), int32([1], [0]), r([2, 1]), r([1, 1])], attributes: {}, reference: ([, , , a, b]) => [{ shape: [2, 1], data: [value(a as Nd, 0) + value(b as Nd, 0), value(a as Nd, 1)] }] },
  ],
  ScatterAdd: [{
    inputs: [r([2, 4]), int32([2, 2], [1, 1, 3, 0]), r([2, 2])], attributes: { axis: 1 },
    reference: ([x, index, updates]) => {
      const data = [...(x as Nd).data]
      ;(index as Nd).data.forEach((column, i) => (data[Math.floor(i / 2) * 4 + column] = (data[Math.floor(i / 2) * 4 + column] ?? 0) + value(updates as Nd, i)))
      return [{ shape: [2, 4], data }]
    },
  }],
  RmsNorm: [[3, 4], [2, 3, 4]].map((shape): Example<'RmsNorm'> => ({
    inputs: [r(shape), r([4])], attributes: { epsilon: 0.01 },
    reference: ([x, w]) => [binary(perRow(x as Nd, row => row.map(v => v / Math.sqrt(row.reduce((s, u) => s + u * u, 0) / row.length + 0.01))), w as Nd, (a, b) => a * b)],
  })),
  RotaryEmbedding: [{
    inputs: [r([3, 1, 8]), int64([3, 1], [1, 0, 2]), r([3, 2]), r([3, 2])], attributes: {},
    reference: ([x, p, cos, sin]) => [rotate(x as Nd, (p as Nd).data, cos as Nd, sin as Nd)],
  }],
  Attention: [false, true].map(lean => ({ inputs: [r([2, 2, 6, 4]), r([2, 2, 3, 4]), r([2, 2, 3, 4]), r([2, 1, 6, 3])], attributes: { scale: 0.5, lean }, reference: inputs => [attention([...inputs.slice(0, 3), expandHeads(inputs[3] as Nd)], 0.5)] })),
  CachedAttention: [{
    // Two rows with 2 and 1 tokens in a cache of 4 places, 2 query heads on 1 key head of width 8.
    inputs: [r([2, 1, 16]), r([2, 1, 8]), r([2, 1, 8]), r([2, 1, 4, 8]), r([2, 1, 4, 8]), int32([2], [2, 1]), int32([], [3])],
    attributes: { heads: 2, keyValueHeads: 1, scale: 0.4 },
    reference: ([q, k, v, pastK, pastV, lengths]) => {
      const rows = (lengths as Nd).data.map((length, b) => {
        const upTo = (past: Nd, fresh: Nd): Nd => ({ shape: [1, 1, length + 1, 8], data: [...past.data.slice(b * 32, b * 32 + length * 8), ...fresh.data.slice(b * 8, b * 8 + 8)] })
        return attention([{ shape: [1, 1, 2, 8], data: (q as Nd).data.slice(b * 16, b * 16 + 16) }, upTo(pastK as Nd, k as Nd), upTo(pastV as Nd, v as Nd), { shape: [1], data: [0] }], 0.4).data
      })
      return [{ shape: [2, 1, 16], data: rows.flat() }]
    },
  }],
  Softmax: [{ inputs: [r([2, 5])], attributes: {}, reference: ([x]) => [perRow(x as Nd, softmax)] }],
  LogSoftmax: [{ inputs: [r([2, 5])], attributes: {}, reference: ([x]) => [perRow(x as Nd, logSoftmax)] }],
  LabelLogProbs: [[1, [1, 3]], [2, [1, 1, 3, 0]]].map(([columns, labels]): Example<'LabelLogProbs'> => ({
    inputs: [r([2, 5]), int32([2, columns as number], labels as number[])], attributes: {},
    reference: ([x, l]) => {
      const all = perRow(x as Nd, logSoftmax)
      return [{ shape: (l as Nd).shape, data: (l as Nd).data.map((label, i) => value(all, Math.floor(i / (columns as number)) * 5 + label)) }]
    },
  })),
}

/** mask [B, 1, Q, T] for the two heads of the attention example. */
function expandHeads(mask: Nd): Nd {
  return { shape: [2, 2, 6, 3], data: [0, 0, 1, 1].flatMap(b => mask.data.slice(b * 18, (b + 1) * 18)) }
}

export type OpCase = { op: OpName; i: number; example: Example<OpName> }
/** What the engine computed and what the definition says, for one output or one input's gradient. */
export type Comparison = { what: string; shape: readonly (number | string)[]; wanted: Nd; got: Float32Array }

export const OP_CASES: OpCase[] = (Object.keys(OPS) as OpName[]).flatMap(op => (EXAMPLES[op] as Example<OpName>[]).map((example, i) => ({ op, i, example })))
export const GRADIENT_CASES: OpCase[] = OP_CASES.filter(({ op }) => opOf(op).gradient !== notDifferentiable)

/** Largest difference as a share of the largest wanted entry. */
export function worstError({ wanted, got }: Comparison): number {
  if (got.length !== wanted.data.length) return Infinity
  const largest = Math.max(...wanted.data.map(Math.abs), 1e-3)
  // A NaN must not pass as small.
  return wanted.data.reduce((worst, v, i) => Math.max(worst, Number.isFinite(got[i]) ? Math.abs((got[i] as number) - v) / largest : Infinity), 0)
}

export async function computeValues({ op, example }: OpCase, device: Device): Promise<Comparison[]> {
  const inputs = exampleInputs(example.inputs, 7)
  const wanted = example.reference(inputs)
  const graph = new Graph()
  const outputs = graph.apply(op, example.inputs.map(({ shape, type }, i) => graph.input(`x${i}`, shape, type)), example.attributes)
  wanted.forEach((_, i) => graph.output(`y${i}`, at(outputs, i)))
  const got = await run(graph, inputs, example.inputs, device)
  return wanted.map((nd, i) => ({ what: `output ${i}`, shape: at(outputs, i).shape, wanted: nd, got: got.get(`y${i}`) ?? new Float32Array() }))
}

export async function computeGradients({ op, example }: OpCase, device: Device): Promise<Comparison[]> {
  const inputs = exampleInputs(example.inputs, 8)
  const references = example.reference(inputs)
  const seeds = exampleInputs(references.map(({ shape }) => ({ shape })), 9)
  const graph = new Graph()
  const values = example.inputs.map(({ shape, type }, i) => graph.input(`x${i}`, shape, type))
  const outputs = graph.apply(op, values, example.attributes)
  const seedValues = new Map(seeds.map(({ shape }, i) => [at(outputs, i), graph.input(`x${values.length + i}`, shape)]))
  // Rotation tables and indices are data, not parameters.
  const wanted = values.flatMap((v, i) => (example.inputs[i]?.type || (op === 'RotaryEmbedding' && i > 0) || (op === 'Attention' && i > 2) ? [] : [{ v, i }]))
  const gradients = differentiate(graph, seedValues, wanted.map(({ v }) => v))
  for (const { v, i } of wanted) graph.output(`d${i}`, gradients.get(v) ?? v)
  const got = await run(graph, [...inputs, ...seeds], [...example.inputs, ...seeds], device)
  const loss = (changed: Nd[]): number => example.reference(changed).reduce((sum, y, i) => sum + y.data.reduce((s, u, j) => s + u * value(seeds[i] as Nd, j), 0), 0)
  const epsilon = 1e-5
  return wanted.map(({ v, i }) => {
    const x = inputs[i] as Nd
    const numeric = x.data.map((original, j) => {
      const shifted = (by: number): Nd[] => inputs.with(i, { shape: x.shape, data: x.data.with(j, original + by) })
      return (loss(shifted(epsilon)) - loss(shifted(-epsilon))) / (2 * epsilon)
    })
    return { what: `gradient of input ${i}`, shape: v.shape, wanted: { shape: x.shape, data: numeric }, got: got.get(`d${i}`) ?? new Float32Array() }
  })
}

async function run(graph: Graph, inputs: Nd[], specs: Input[], device: Device): Promise<Map<string, Float32Array>> {
  const results = emptyArrays(Object.fromEntries([...graph.outputs].map(([name, { shape }]) => [name, shape.map(Number)])))
  const feeds: Record<string, Array32> = {}
  inputs.forEach(({ shape, data }, i) => {
    const type = specs[i]?.type
    feeds[`x${i}`] = type === 'int64' ? { data: BigInt64Array.from(data, BigInt), dims: shape } : type === 'int32' ? { data: Int32Array.from(data), dims: shape } : { data: Float32Array.from(data), dims: shape }
  })
  const session = await GraphSession.create(graph, 1, { device })
  try {
    await session.run(feeds, results)
    return new Map(Object.entries(results).map(([name, { data }]) => [name, data]))
  } finally {
    await session.release()
  }
}

function exampleInputs(specs: Input[], seed: number): Nd[] {
  const random = createRandom(seed)
  return specs.map(({ shape, integers }) => ({ shape, data: integers ?? Array.from({ length: size(shape) }, () => Math.fround(random() * 2 - 1)) }))
}
