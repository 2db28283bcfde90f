/** What DPO on a model will take, from its configuration alone: the same graph and the same sums as training itself. */
import { planAdapter } from './adapter-folder.ts'
import type { LoraSettings, OptimizerConfig } from './engine.ts'
import type { TrainingMemory } from './memory.ts'
import type { ModelConfig } from './model-folder.ts'
import { adapterWeights, expectedWeights } from './models/decoder.ts'
import type { WeightSpec } from './models/decoder.ts'
import { decoderConfig } from './models/index.ts'
import { segmentSizes } from './packing.ts'
import { buildTrainingGraph } from './training-graph.ts'
import { isTrained, memoryPlan, sizeOfBatch, stepMemory } from './training-step.ts'
import type { RowSize } from './training-step.ts'

/** Tokens of a preference pair. */
export type PairSize = { prompt: number; chosen: number; rejected: number }

export type DpoPlan = {
  optim: OptimizerConfig['optim']
  batchSize: number
  accumulates: boolean
  checkpointed: boolean
  /** Left out: all weights are trained. */
  adapter?: Omit<LoraSettings, 'seed'>
  /** Pairs of the largest batch. */
  pairs: readonly PairSize[]
  /** The smallest of all pairs, which decides into how many pieces the logits may be cut. */
  smallest: PairSize
}

/** @returns bytes, and how many numbers are trained. @throws InputError where the adapter does not fit the model. */
export function estimateDpo(config: ModelConfig, folder: string, { optim, batchSize, accumulates, checkpointed, adapter, pairs, smallest }: DpoPlan): { memory: TrainingMemory; trained: number } {
  const plain = decoderConfig(config)
  const decoder = adapter ? { ...plain, adapter: planAdapter(adapter, { folder, modelType: config.model_type, decoder: plain }).lowRank } : plain
  // As `treeRow` packs them: the prompt once, the last token of each side is predicted and not computed.
  const rowOf = ({ prompt, chosen, rejected }: PairSize): RowSize => ({
    tokens: prompt + chosen + rejected - 2,
    predictions: chosen + rejected - 1,
    segments: segmentSizes({ trunk: prompt, branches: [chosen - 1, rejected - 1] }),
  })
  const rows = pairs.map(rowOf)
  const plan = memoryPlan(decoder.vocabulary, [...rows, rowOf(smallest)], { batchSize, checkpointed })
  const graph = buildTrainingGraph(decoder, 'dpo', plan)
  const weights = [...expectedWeights(decoder), ...adapterWeights(decoder)]
  const numbers = (specs: readonly WeightSpec[]): number => specs.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const trained = numbers(weights.filter(({ name }) => isTrained(graph, name)))
  return { memory: stepMemory({ graph, hidden: decoder.hidden, chunks: plan.chunks, weights: 4 * numbers(weights), trained: 4 * trained }, [sizeOfBatch(rows)], optim, accumulates), trained }
}
