import { rmSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { writeRandomModel } from '../../tests/reference/random-model.ts'
import { samplingMemory } from './estimate-sampling.ts'
import { KeyValueCache } from './key-value-cache.ts'
import { readModelConfig } from './model-folder.ts'
import { decoderConfig } from './models/index.ts'

function aConfig() {
  const folder = writeRandomModel({ vocab_size: 500, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, max_position_embeddings: 4096 })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return readModelConfig(folder)
}

test('what longer answers add is what the cache of keys and values takes', () => {
  const config = aConfig()
  const cacheBytes = (capacity: number): number => Object.values(new KeyValueCache(decoderConfig(config), 16, capacity).views(16).past).reduce((sum, { data }) => sum + data.byteLength, 0)
  const memory = (maxNewTokens: number): number => samplingMemory(config, 'embedded', { rows: 16, longestPrompt: 100, maxNewTokens })
  expect(memory(1000) - memory(500)).toBe(cacheBytes(1099) - cacheBytes(599))
})

test('longer prompts and more sequences take more, and PyTorch comes on top', () => {
  const config = aConfig()
  const of = (engine: 'embedded' | 'torch', rows: number, longestPrompt: number): number => samplingMemory(config, engine, { rows, longestPrompt, maxNewTokens: 100 })
  expect(of('embedded', 1, 3000)).toBeGreaterThan(of('embedded', 1, 300))
  expect(of('embedded', 64, 300)).toBeGreaterThan(of('embedded', 1, 300))
  expect(of('torch', 1, 300) - of('embedded', 1, 300)).toBeCloseTo(450e6, 0)
})
