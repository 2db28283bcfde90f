/**
 * Opens the graph named by the first argument on WebGPU with onnxruntime's verbose log on stderr, which says where
 * each node was placed.
 */
import ort from 'onnxruntime-node'
import { parseModelConfig } from '../../src/engine/model-folder.ts'
import { linearLayers } from '../../src/engine/models/decoder.ts'
import { decoderConfig } from '../../src/engine/models/index.ts'
import { buildDecodeGraph, buildPrefillGraph } from '../../src/engine/sampling-graph.ts'
import { buildRewardGraph, buildScoringGraph, buildTrainingGraph } from '../../src/engine/training-graph.ts'
import { SMALL_LLAMA } from '../reference/random-model.ts'

const config = decoderConfig(parseModelConfig({ ...SMALL_LLAMA, model_type: 'qwen3', tie_word_embeddings: true }, 'placement'))
const graphs = {
  dpo: () => buildTrainingGraph(config, 'dpo', { chunks: 2, lean: false, checkpointed: false }),
  lean: () => buildTrainingGraph(config, 'dpo', { chunks: 1, lean: true, checkpointed: false }),
  checkpointed: () => buildTrainingGraph(config, 'dpo', { chunks: 1, lean: false, checkpointed: true }),
  adapter: () => buildTrainingGraph({ ...config, adapter: { rank: 4, scale: 2, modules: new Set(linearLayers(config).map(({ name }) => name)) } }, 'dpo', { chunks: 1, lean: false, checkpointed: false }),
  'language-model': () => buildTrainingGraph(config, 'language-model', { chunks: 1, lean: false, checkpointed: false }),
  'reward-training': () => buildTrainingGraph(config, 'reward', { chunks: 1, lean: false, checkpointed: false }),
  score: () => buildScoringGraph(config),
  reward: () => buildRewardGraph(config),
  prefill: () => buildPrefillGraph(config),
  decode: () => buildDecodeGraph(config, 'shared'),
}
const build = graphs[process.argv[2] as keyof typeof graphs]
await ort.InferenceSession.create(build().encode({ device: 'webgpu' }), { executionProviders: ['webgpu'], logSeverityLevel: 0 })
process.exit(0)
