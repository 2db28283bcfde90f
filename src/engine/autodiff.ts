/**
 * Reverse-mode differentiation, graph to graph: one walk over the nodes in reverse writes the gradient nodes.
 * Sums of gradients and un-broadcasting happen here, never in an operation's rule.
 */
import { isSameShape } from './dims.ts'
import { opOf } from './graph.ts'
import type { Graph, GraphNode, Value } from './graph.ts'
import { at, notDifferentiable } from './ops/op.ts'

/**
 * Gradients of Σ seed·value for the values asked for, each of its value's shape. The walk ends at them: where one
 * depends on another, that path does not count.
 * @throws where a value is not reached, or the way to it leads through an operation without gradient.
 */
export function differentiate(graph: Graph, seeds: ReadonlyMap<Value, Value>, wanted: readonly Value[]): Map<Value, Value> {
  const gradients = new Map<Value, Value>(seeds)
  const dependent = dependentOn(graph, wanted)
  const ends = new Set(wanted)
  const again = new Map<GraphNode, GraphNode>()
  const checkpoints = new Map(graph.checkpoints.map(checkpoint => [checkpoint.nodes.at(-1), checkpoint]))
  for (const node of graph.nodes.toReversed()) {
    const checkpoint = checkpoints.get(node)
    if (checkpoint) repeat(graph, checkpoint, again)
    const outputGradients = node.outputs.map(output => gradients.get(output))
    if (!outputGradients.some(Boolean) || node.outputs.some(output => ends.has(output)) || !node.inputs.some(input => dependent.has(input))) continue
    const { gradient } = opOf(node.op)
    if (gradient === notDifferentiable) throw new Error(`${node.op} is not differentiable (node "${node.name}")`)
    const contributions = graph.scope(`gradient${node.name}`, () => gradient(graph, again.get(node) ?? node, outputGradients))
    node.inputs.forEach((input, i) => {
      const contribution = contributions[i]
      if (!contribution || !dependent.has(input)) return
      const fitting = unbroadcast(graph, contribution, input)
      const sofar = gradients.get(input)
      gradients.set(input, sofar ? accumulate(graph, sofar, fitting) : fitting)
    })
  }
  for (const value of wanted) if (!gradients.has(value)) throw new Error(`no gradient reaches ${nameOf(graph, value)}`)
  return new Map(wanted.map(value => [value, gradients.get(value) as Value]))
}

/** Feeds a checkpoint's repetition: without a value of its own to begin with, its nodes would be merged with the first ones. */
export const ONE = 'one'

/** Builds a checkpoint's nodes once more, from its first value times 1; what no gradient reads is never computed. */
function repeat(graph: Graph, { from, nodes }: Graph['checkpoints'][number], again: Map<GraphNode, GraphNode>): void {
  const values = new Map<Value, Value>([[from, graph.mul(from, graph.inputs.get(ONE) ?? graph.input(ONE, [1]))]])
  for (const node of nodes) {
    const outputs = graph.scope(`again${node.name}`, () => graph.apply(node.op, node.inputs.map(input => values.get(input) ?? input), node.attributes))
    node.outputs.forEach((output, i) => values.set(output, at(outputs, i)))
    again.set(node, at(outputs, 0).producer as GraphNode)
  }
}

/** Values that any of the wanted ones influence, themselves included. */
function dependentOn(graph: Graph, wanted: readonly Value[]): Set<Value> {
  const dependent = new Set(wanted)
  for (const node of graph.nodes) if (node.inputs.some(input => dependent.has(input))) for (const output of node.outputs) dependent.add(output)
  return dependent
}

/** Sums a gradient over the dimensions along which its value was broadcast. */
function unbroadcast(graph: Graph, gradient: Value, value: Value): Value {
  if (isSameShape(gradient.shape, value.shape)) return gradient
  const extra = gradient.shape.length - value.shape.length
  const axes = gradient.shape.flatMap((dim, i) => (i < extra || (value.shape[i - extra] === 1 && dim !== 1) ? [i] : []))
  return graph.reshape(graph.sum(gradient, axes, false), value.shape)
}

/** a + b; a plain 2-D product is added by the multiplication itself. */
function accumulate(graph: Graph, a: Value, b: Value): Value {
  const product = b.producer
  if (product && isPlainProduct(product) && b.shape.length === 2) {
    const { transA, transB } = product.attributes
    return at(graph.apply('Gemm', [...product.inputs, a], { transA, transB }), 0)
  }
  return graph.add(a, b)
}

function isPlainProduct(node: GraphNode): node is GraphNode & GraphNode<'MatMul'> {
  return node.op === 'MatMul' && 'alpha' in node.attributes && node.attributes.alpha === 1
}

function nameOf(graph: Graph, value: Value): string {
  for (const [name, input] of graph.inputs) if (input === value) return `"${name}"`
  return `value ${value.id}`
}
