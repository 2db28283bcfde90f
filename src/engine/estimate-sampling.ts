/** What sampling from a model will take, from its configuration and the length of its prompts alone. */
import { totalmem } from 'node:os'
import type { EngineName } from './device.ts'
import { cacheNames } from './key-value-cache.ts'
import { PROCESS_BYTES } from './memory.ts'
import type { ModelConfig } from './model-folder.ts'
import { cacheWidth, expectedWeights } from './models/decoder.ts'
import { decoderConfig } from './models/index.ts'
import { decodeMode } from './sampler.ts'
import { buildPrefillGraph } from './sampling-graph.ts'
import { MAX_BATCH_TOKENS } from './score.ts'
import { WORKER_BYTES } from './torch/memory.ts'
import { activationBytes, sizeOfBatch } from './training-step.ts'

const FLOAT_BYTES = 4
/** Logits, log-probabilities and probabilities of the next token. */
const NEXT_TOKEN_ARRAYS = 3

/**
 * The largest resident size to expect of the processes that sample, in bytes: weights in float32, keys and values of `rows` sequences at
 * full length, and the largest piece of prompts that is read at once.
 * @param rows sequences decoded together; @param longestPrompt in tokens; @param maxNewTokens of a completion
 */
export function samplingMemory(config: ModelConfig, engine: EngineName, { rows, longestPrompt, maxNewTokens }: { rows: number; longestPrompt: number; maxNewTokens: number }): number {
  const decoder = decoderConfig(config)
  const parameters = expectedWeights(decoder).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const perToken = cacheNames(decoder).length * decoder.keyValueHeads * FLOAT_BYTES
  const cache = rows * (longestPrompt + maxNewTokens - 1) * perToken * cacheWidth(decoder)
  const nextTokens = NEXT_TOKEN_ARRAYS * rows * decoder.vocabulary * FLOAT_BYTES
  const copies = engine === 'embedded' && decodeMode(parameters, { rows, steps: maxNewTokens }, totalmem()) === 'frozen' ? 2 : 1
  // A prompt is never cut in pieces; several are read together up to a budget.
  const together = Math.max(1, Math.min(rows, Math.floor(MAX_BATCH_TOKENS / longestPrompt)))
  const prompt = { tokens: longestPrompt, predictions: 1, segments: [{ queries: longestPrompt, keys: longestPrompt }] }
  const reading = activationBytes({ graph: buildPrefillGraph(decoder), hidden: decoder.hidden, chunks: 1 }, sizeOfBatch(Array.from({ length: together }, () => prompt)))
  const read = together * longestPrompt * perToken * decoder.headDim
  return PROCESS_BYTES + (engine === 'torch' ? WORKER_BYTES : 0) + copies * FLOAT_BYTES * parameters + cache + nextTokens + reading + read
}
