import { isSameShape } from '../dims.ts'
import type { Dim, Shape } from '../dims.ts'
import { at, notDifferentiable } from './op.ts'
import type { Emitter, Ops, Result } from './op.ts'
import type { Graph, Value } from '../graph.ts'

/** [.., m, k] · [.., k, n] → [.., m, n], after transposing where asked. */
function matmulShape(a: Value, b: Value, transA: boolean, transB: boolean): Shape {
  if (a.shape.length < 2 || b.shape.length < 2) throw new Error('expected at least two dimensions')
  const lead = a.shape.slice(0, -2)
  if (!isSameShape(lead, b.shape.slice(0, -2))) throw new Error('leading dimensions differ')
  const [m, k] = lastTwo(a.shape, transA)
  const [inner, n] = lastTwo(b.shape, transB)
  if (k !== inner) throw new Error(`inner dims ${k} and ${inner} differ`)
  return [...lead, m, n]
}

function lastTwo(shape: Shape, transposed: boolean): [Dim, Dim] {
  const [rows, columns] = [at(shape, shape.length - 2), at(shape, shape.length - 1)]
  return transposed ? [columns, rows] : [rows, columns]
}

function float32(shape: Shape): Result[] {
  return [{ shape, type: 'float32' }]
}

/**
 * Nodes for alpha · op(a) · op(b) of operands with that many dimensions. WebGPU has no FusedMatMul: there it would
 * run on the CPU, with both operands copied.
 */
export function emitProduct(to: Emitter, [a, b]: readonly string[], product: string, rank: number, { transA, transB, alpha }: { transA: boolean; transB: boolean; alpha: number }): void {
  if (a === undefined || b === undefined) throw new Error('a product has two operands')
  const flags = { transA: { int: Number(transA) }, transB: { int: Number(transB) }, alpha: { float: alpha } }
  if (!transA && !transB && alpha === 1) return to.node('MatMul', [a, b], [product])
  if (to.device === 'cpu') return to.node('FusedMatMul', [a, b], [product], flags, 'com.microsoft')
  if (rank === 2) return to.node('Gemm', [a, b], [product], flags)
  const transposed = (x: string, isTransposed: boolean): string => {
    if (!isTransposed) return x
    const result = to.temporary()
    to.node('Transpose', [x], [result], { perm: { ints: [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2] } })
    return result
  }
  const operands = [transposed(a, transA), transposed(b, transB)]
  if (alpha === 1) return to.node('MatMul', operands, [product])
  const unscaled = to.temporary()
  to.node('MatMul', operands, [unscaled])
  to.node('Mul', [unscaled, to.scalar(alpha)], [product])
}

/** x · weightᵀ with a weight that is fed. */
function isWeightProduct([x, weight]: readonly Value[], { transA, transB, alpha }: { transA: boolean; transB: boolean; alpha: number }): boolean {
  return !transA && transB && alpha === 1 && x?.shape.length === 2 && weight?.producer === undefined
}

/** x · weightᵀ as (weight · xᵀ)ᵀ: x is repacked instead of the weight. */
function emitSwapped(to: Emitter, x: string, weight: string, product: string): void {
  const transposed = to.temporary()
  emitProduct(to, [weight, x], transposed, 2, { transA: false, transB: true, alpha: 1 })
  to.node('Transpose', [transposed], [product], { perm: { ints: [1, 0] } })
}

/** y = A B: dA = dy Bᵀ, dB = Aᵀ dy; with transposed operands the gradient is transposed too. */
function productGradient(g: Graph, inputs: readonly Value[], { transA, transB, alpha }: { transA: boolean; transB: boolean; alpha: number }, d: Value): [Value, Value] {
  const [a, b] = [g.saved(at(inputs, 0)), g.saved(at(inputs, 1))]
  return [
    transA ? g.matmul(b, d, { transA: transB, transB: true, alpha }) : g.matmul(d, b, { transB: !transB, alpha }),
    transB ? g.matmul(d, a, { transA: true, transB: transA, alpha }) : g.matmul(a, d, { transA: !transA, alpha }),
  ]
}

export const linearAlgebra: Ops<'MatMul' | 'QuantizedWeight' | 'Gemm'> = {
  MatMul: {
    results: (inputs, { transA, transB }) => float32(matmulShape(at(inputs, 0), at(inputs, 1), transA, transB)),
    emit: ({ inputs, outputs, attributes }, to) => {
      const quantized = at(inputs, 1).producer
      if (to.fewRows && isWeightProduct(inputs, attributes)) return emitSwapped(to, to.name(at(inputs, 0)), to.name(at(inputs, 1)), to.name(at(outputs, 0)))
      if (quantized?.op !== 'QuantizedWeight') return emitProduct(to, inputs.map(to.name), to.name(at(outputs, 0)), at(inputs, 0).shape.length, attributes)
      const { transA, transB, alpha } = attributes
      if (transA || !transB || alpha !== 1) throw new Error('a quantized weight can only be multiplied as x · weightᵀ')
      if (to.device !== 'cpu') throw new Error(`a quantized weight: expected device cpu, got ${to.device}; its product there is not checked`)
      const [out, width] = at(inputs, 1).shape.map(Number)
      // Accuracy level 4 quantizes the activations to 8 bits as well; 0 is 20 times slower (shared/engine.md).
      to.node('MatMulNBits', [at(inputs, 0), ...quantized.inputs].map(to.name), outputs.map(to.name), { K: { int: width ?? 0 }, N: { int: out ?? 0 }, bits: { int: 8 }, block_size: { int: (quantized.attributes as { block: number }).block }, accuracy_level: { int: 4 } }, 'com.microsoft')
    },
    gradient: (g, { inputs, attributes }, [d]) => (d ? productGradient(g, inputs, attributes, d) : []),
  },
  QuantizedWeight: {
    results: (inputs, { block }) => {
      const [codes, scales] = [at(inputs, 0), at(inputs, 1)]
      const [out, blocks, width] = codes.shape.map(Number)
      if (codes.type !== 'uint8' || width !== block || !out || !blocks || scales.shape[0] !== out * blocks) throw new Error('codes and scales do not fit')
      return float32([out, blocks * block])
    },
    // MatMul reads codes and scales itself; there is no float32 copy.
    emit: () => {},
    gradient: notDifferentiable,
  },
  Gemm: {
    results: (inputs, { transA, transB }) => {
      const shape = matmulShape(at(inputs, 0), at(inputs, 1), transA, transB)
      if (!isSameShape(shape, at(inputs, 2).shape)) throw new Error('the addend has another shape than the product')
      return float32(shape)
    },
    emit: ({ inputs, outputs, attributes: { transA, transB } }, to) =>
      to.node('Gemm', inputs.map(to.name), outputs.map(to.name), { transA: { int: Number(transA) }, transB: { int: Number(transB) } }),
    gradient: (g, { inputs, attributes }, [d]) => (d ? [...productGradient(g, inputs, { ...attributes, alpha: 1 }, d), d] : []),
  },
}
