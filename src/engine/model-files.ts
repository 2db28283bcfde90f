/** Names of a model folder's files, in Hugging Face layout, and which of them the weights are spread over. */
import { InputError } from './input-error.ts'
import { describeJson, readJsonObject } from './json-file.ts'

export const CONFIG = 'config.json'
export const TOKENIZER = 'tokenizer.json'
export const WEIGHTS = 'model.safetensors'
export const WEIGHTS_INDEX = 'model.safetensors.index.json'

/** Each tensor with its shard, a file beside the index. @throws InputError where the index names anything else, or nothing. */
export function readWeightMap(index: string): Map<string, string> {
  const map = readJsonObject(index).weight_map
  const placed = typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.entries(map as Record<string, unknown>) : []
  if (placed.length === 0) throw new InputError(`${index}: expected "weight_map" with a shard for each tensor, got ${describeJson(map)}`)
  const foreign = placed.find(([, shard]) => typeof shard !== 'string' || !/^[^/\\\0]+\.safetensors$/.test(shard))
  if (foreign) throw new InputError(`${index}: expected names of .safetensors files inside the folder, got ${describeJson(foreign[1])}`)
  return new Map(placed as [string, string][])
}
