/**
 * What an operation is: its ONNX nodes, shape rule and gradient in one entry. `OpAttributes` is the closed
 * list of operations; `ops/index.ts` holds one entry for each, and an entry without `gradient` does not compile.
 */
import type { Device } from '../device.ts'
import type { Dim, Shape } from '../dims.ts'
import type { Graph, GraphNode, Value } from '../graph.ts'
import type { DataType, OnnxAttribute } from '../onnx-proto.ts'

type None = Record<string, never>

export type OpAttributes = {
  // elementwise, NumPy broadcasting
  Add: None
  Sub: None
  Mul: None
  Div: None
  Neg: None
  Exp: None
  Sigmoid: None
  Sqrt: None
  /** 1 where x > 0, else 0: the derivative of max(x, 0) as PyTorch has it. */
  Step: None
  /** x · sigmoid(x). */
  Silu: None
  // linear algebra
  /** alpha · op(a) · op(b) over the last two dimensions; leading dimensions must agree. */
  MatMul: { transA: boolean; transB: boolean; alpha: number }
  /** codes uint8 [out, in / block, block] (128 is zero), scales [out · in / block] → a weight [out, in], only for MatMul's transB. */
  QuantizedWeight: { block: number }
  /** op(a) · op(b) + c, 2-D. */
  Gemm: { transA: boolean; transB: boolean }
  // layout
  Reshape: { shape: Shape }
  /** Along `axis`; to be differentiated it needs the parts' sizes as last input (`sized`). `dim` names the sum. */
  Concat: { axis: number; sized: boolean; dim?: Dim }
  /** Inputs x, sizes int64 [parts]; along axis 0; `sizes` names the parts' dimensions. */
  Split: { sizes: Shape }
  // reductions
  ReduceSum: { axes: readonly number[]; keepDims: boolean }
  ReduceMean: { axes: readonly number[]; keepDims: boolean }
  ReduceMax: { axes: readonly number[]; keepDims: boolean }
  // rows by index
  /** table [V, d], ids → [..ids, d]. */
  Lookup: None
  /** Rows to where indices list them, and back. */
  Spread: None
  Collect: None
  ScatterAdd: { axis: number }
  // network layers
  RmsNorm: { epsilon: number }
  RotaryEmbedding: None
  /** `lean` computes the probabilities again in the backward pass instead of keeping them. */
  Attention: { scale: number; lean: boolean }
  CachedAttention: { heads: number; keyValueHeads: number; scale: number }
  Softmax: None
  LogSoftmax: None
  /** logits [R, V], labels [R, K] → log-probabilities of the labels [R, K] and of everything [R, V]. */
  LabelLogProbs: None
}

export type OpName = keyof OpAttributes

export type Result = { shape: Shape; type: DataType }

/** Writes ONNX nodes for one graph node. */
export type Emitter = {
  /** What will run the nodes: an operator that is wrong or missing there is written in others. */
  readonly device: Device
  /** Whether weights meet few rows: the CPU's kernel repacks the right factor at each product, so weights go to the left. */
  readonly fewRows: boolean
  name(value: Value): string
  /** A name for a value between the nodes of one operation. */
  temporary(): string
  int64(values: readonly number[]): string
  /** A float32 constant [1]. */
  scalar(value: number): string
  zeros(shape: readonly number[]): string
  /** Whether another node or an output of the graph reads the value. */
  isRead(value: Value): boolean
  node(op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): void
}

export const notDifferentiable = 'not differentiable'

export type Op<K extends OpName> = {
  /** Shape and type of each output. @throws Error text starting with what disagrees; the graph adds the node's name. */
  results(inputs: readonly Value[], attributes: OpAttributes[K]): Result[]
  emit(node: GraphNode<K>, emitter: Emitter): void
  /** Gradient of each input from those of the outputs (absent where nothing flows), before un-broadcasting. */
  gradient: ((graph: Graph, node: GraphNode<K>, outputGradients: readonly (Value | undefined)[]) => (Value | undefined)[]) | typeof notDifferentiable
  /** Output 0 computed again for the backward pass, through other nodes (equal ones would be merged), so that the first copy need not be kept. */
  recompute?: (graph: Graph, node: GraphNode<K>) => Value
}

export type Ops<K extends OpName> = { [P in K]: Op<P> }

/** Input i; the shape rules have checked the count. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`expected an entry ${index}, got ${list.length}`)
  return item
}
