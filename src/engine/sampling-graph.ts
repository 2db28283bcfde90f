/** The two graphs of sampling: prompts at once (prefill), then one token per row and step (decode). */
import { Graph } from './graph.ts'
import type { Value } from './graph.ts'
import { buildTrunk, cachedAttention, EMBEDDING, headWeight, linear, LM_HEAD, packedAttention, predictingRows, trunkWeights, weightInputs } from './models/decoder.ts'
import type { DecoderConfig, WeightInputs } from './models/decoder.ts'
import { at } from './ops/op.ts'
import { codesName, QUANTIZED_BLOCK, scalesName } from './quantize.ts'

/** Name of the head's own copy of a tied embedding, where the head is frozen and the embedding is not. */
export const FROZEN_HEAD = 'frozen head'

/** Outputs `logits`, `logps` at temperature 1 and `probabilities` at the temperature asked for, all [rows, V]. */
function nextToken(graph: Graph, hidden: Value, head: Value): void {
  const logits = linear(graph, hidden, head)
  const logps = at(graph.apply('LogSoftmax', [logits], {}), 0)
  graph.output('logits', logits)
  graph.output('logps', logps)
  graph.output('probabilities', at(graph.apply('Softmax', [graph.mul(logps, graph.input('inverseTemperature', [1]))], {}), 0))
}

/** Packed prompts → next-token distribution of each, and keys and values of each layer and attention block [S, Hk, K, D]. */
export function buildPrefillGraph(config: DecoderConfig): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  const attention = packedAttention(graph, config, {
    onKeysValues: (layer, block, k, v) => {
      graph.output(`k.${layer}.${block}`, k)
      graph.output(`v.${layer}.${block}`, v)
    },
  })
  const { hidden } = buildTrunk(graph, config, weight, graph.input('ids', ['N'], 'int32'), attention, predictingRows(graph))
  nextToken(graph, hidden, headWeight(config, weight))
  return graph
}

/** How decoding reads its matrices: as the inputs that training uses too, the same for batches of a few rows or more, as constants, or as constants in 8 bits. */
export type DecodeWeights = 'shared' | 'swapped' | 'frozen' | 'int8'

const isInput = (mode: DecodeWeights): boolean => mode === 'shared' || mode === 'swapped'

/** One id per row → next-token distribution; caches are updated in place. */
export function buildDecodeGraph(config: DecoderConfig, mode: DecodeWeights): Graph {
  const graph = new Graph()
  const inputs = weightInputs(graph, config)
  const matrices = new Map(decodeMatrices(config, mode).map(({ input, shape }) => [input, shape]))
  const weight: WeightInputs = name => {
    const shape = matrices.get(name)
    return mode === 'int8' && shape ? quantizedWeight(graph, name, shape) : inputs(name)
  }
  const { hidden } = buildTrunk(graph, config, weight, graph.input('ids', ['B'], 'int32'), cachedAttention(graph, config), rows => rows)
  nextToken(graph, hidden, isInput(mode) ? headWeight(config, inputs) : headMatrix(graph, config, mode))
  return graph
}

/** The matrices that `mode` takes out of the inputs: the graph's name for each and the weight it is. */
export function decodeMatrices(config: DecoderConfig, mode: DecodeWeights): { input: string; weight: string; shape: readonly [number, number] }[] {
  if (isInput(mode)) return []
  const inside = trunkWeights(config).flatMap(({ name, shape: [out, width] }) => (out === undefined || width === undefined || name === EMBEDDING ? [] : [{ input: name, weight: name, shape: [out, width] as const }]))
  return [...inside, { input: FROZEN_HEAD, weight: config.tied ? EMBEDDING : LM_HEAD, shape: [config.vocabulary, config.hidden] }]
}

function headMatrix(graph: Graph, config: DecoderConfig, mode: DecodeWeights): Value {
  const shape = [config.vocabulary, config.hidden] as const
  return mode === 'int8' ? quantizedWeight(graph, FROZEN_HEAD, shape) : graph.input(FROZEN_HEAD, shape)
}

function quantizedWeight(graph: Graph, name: string, [out, width]: readonly [number, number]): Value {
  const blocks = width / QUANTIZED_BLOCK
  const codes = graph.input(codesName(name), [out, blocks, QUANTIZED_BLOCK], 'uint8')
  return at(graph.apply('QuantizedWeight', [codes, graph.input(scalesName(name), [out * blocks])], { block: QUANTIZED_BLOCK }), 0)
}
