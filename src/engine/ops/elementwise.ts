import { broadcast } from '../dims.ts'
import { at, notDifferentiable } from './op.ts'
import type { Op, OpName, Ops, Result } from './op.ts'
import type { Value } from '../graph.ts'

type Binary = 'Add' | 'Sub' | 'Mul' | 'Div'
type Unary = 'Neg' | 'Exp' | 'Sigmoid' | 'Sqrt'

function broadcastResult(inputs: readonly Value[]): Result[] {
  const [a, b] = [at(inputs, 0), at(inputs, 1)]
  const shape = broadcast(a.shape, b.shape)
  if (!shape) throw new Error('shapes do not broadcast')
  return [{ shape, type: a.type }]
}

function sameResult(inputs: readonly Value[]): Result[] {
  const { shape, type } = at(inputs, 0)
  return [{ shape, type }]
}

/** An entry whose ONNX node has the same name and no attributes. */
function binary<K extends Binary>(op: K, gradient: Op<K>['gradient']): Op<K> {
  return { results: broadcastResult, emit: (node, to) => to.node(op, node.inputs.map(to.name), node.outputs.map(to.name)), gradient }
}

function unary<K extends Unary>(op: K, gradient: Op<K>['gradient']): Op<K> {
  return { results: sameResult, emit: (node, to) => to.node(op, node.inputs.map(to.name), node.outputs.map(to.name)), gradient }
}

export const elementwise: Ops<Binary | Unary | 'Silu' | 'Step'> = {
  Add: binary('Add', (_, __, [d]) => [d, d]),
  Sub: binary('Sub', (g, _, [d]) => [d, d && at(g.apply('Neg', [d], {}), 0)]),
  Mul: {
    // Gradients read the factors as recomputed values, so SwiGLU's product need not be kept.
    ...binary('Mul', (g, { inputs }, [d]) => (d ? [g.mul(d, g.saved(at(inputs, 1))), g.mul(d, g.saved(at(inputs, 0)))] : [])),
    recompute: (g, { inputs, outputs }) => {
      const [a, b] = [at(inputs, 0), at(inputs, 1)]
      return isRecomputed(a.producer?.op) || isRecomputed(b.producer?.op) ? g.mul(g.saved(a), g.saved(b)) : at(outputs, 0)
    },
  },
  // d(a/b) = da/b - a/b·db/b
  Div: binary('Div', (g, { inputs, outputs }, [d]) => {
    if (!d) return []
    const da = at(g.apply('Div', [d, at(inputs, 1)], {}), 0)
    return [da, at(g.apply('Neg', [g.mul(da, at(outputs, 0))], {}), 0)]
  }),
  Neg: unary('Neg', (g, _, [d]) => [d && at(g.apply('Neg', [d], {}), 0)]),
  // d exp(x) = exp(x) dx
  Exp: unary('Exp', (g, { outputs }, [d]) => [d && g.mul(d, at(outputs, 0))]),
  Sigmoid: unary('Sigmoid', notDifferentiable),
  // d sqrt(x) = dx / (2·sqrt(x))
  Sqrt: unary('Sqrt', (g, { outputs }, [d]) => [d && at(g.apply('Div', [g.mul(d, g.scalar(0.5)), at(outputs, 0)], {}), 0)]),
  Step: {
    results: sameResult,
    emit: (node, to) => {
      // Not Relu of Sign: WebGPU has no Sign, it would run on the CPU. Type 1 is float32.
      const isAbove = to.temporary()
      to.node('Greater', [...node.inputs.map(to.name), to.scalar(0)], [isAbove])
      to.node('Cast', [isAbove], node.outputs.map(to.name), { to: { int: 1 } })
    },
    // Stands in gradients only.
    gradient: notDifferentiable,
  },
  Silu: {
    results: sameResult,
    // QuickGelu with alpha 1 is x · sigmoid(x) in one pass, and unlike Sigmoid + Mul is not merged with the recomputation.
    emit: (node, to) => to.node('QuickGelu', node.inputs.map(to.name), node.outputs.map(to.name), { alpha: { float: 1 } }, 'com.microsoft'),
    // d silu(x) = (s + silu(x)·(1 - s)) dx with s = sigmoid(x)
    gradient: (g, { inputs, outputs }, [d]) => {
      if (!d) return []
      const ds = g.mul(d, at(g.apply('Sigmoid', inputs, {}), 0))
      return [g.add(ds, g.mul(g.sub(d, ds), g.saved(at(outputs, 0))))]
    },
    recompute: (g, { inputs }) => g.mul(at(inputs, 0), at(g.apply('Sigmoid', inputs, {}), 0)),
  },
}

function isRecomputed(op: OpName | undefined): boolean {
  return op === 'Silu'
}
