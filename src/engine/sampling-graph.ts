/** The two graphs of sampling: prompts at once (prefill), then one token per row and step (decode). */
import { Graph } from './graph.ts'
import type { Value } from './graph.ts'
import { buildTrunk, cachedAttention, headWeight, linear, packedAttention, predictingRows, weightInputs } from './models/decoder.ts'
import type { DecoderConfig, WeightInputs } from './models/decoder.ts'
import { at } from './ops/op.ts'

/** Outputs `logps` at temperature 1 and `probabilities` at the temperature asked for, both [rows, V]. */
function nextToken(graph: Graph, config: DecoderConfig, weight: WeightInputs, hidden: Value): void {
  const logps = at(graph.apply('LogSoftmax', [linear(graph, hidden, headWeight(config, weight))], {}), 0)
  graph.output('logps', logps)
  graph.output('probabilities', at(graph.apply('Softmax', [graph.mul(logps, graph.input('inverseTemperature', [1]))], {}), 0))
}

/** Packed prompts → next-token distribution of each, and keys and values of each layer [B, Hk, T, D]. */
export function buildPrefillGraph(config: DecoderConfig): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  const attention = packedAttention(graph, config, {
    onKeysValues: (layer, k, v) => {
      graph.output(`k.${layer}`, k)
      graph.output(`v.${layer}`, v)
    },
  })
  nextToken(graph, config, weight, buildTrunk(graph, config, weight, graph.input('ids', ['N'], 'int32'), attention, predictingRows(graph)).hidden)
  return graph
}

/** One id per row → next-token distribution; caches are updated in place. */
export function buildDecodeGraph(config: DecoderConfig): Graph {
  const graph = new Graph()
  const weight = weightInputs(graph, config)
  nextToken(graph, config, weight, buildTrunk(graph, config, weight, graph.input('ids', ['B'], 'int32'), cachedAttention(graph, config), rows => rows).hidden)
  return graph
}
