/** Reads prompts: each different one once, and the beginning that neighbours share once for all of them. */
import { cacheNames } from './key-value-cache.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { at } from './ops/op.ts'
import { packRows } from './packing.ts'
import type { PackedRow } from './packing.ts'
import type { Sampler } from './sampler.ts'
import { MAX_BATCH_TOKENS, scoringBatches } from './score.ts'
import { emptyArrays } from './session.ts'
import type { Array32, Feeds } from './session.ts'

/** What a graph says of the next token of one row, [V] each. */
export type NextToken = { logits: Float32Array; logps: Float32Array; probabilities: Float32Array }

/** A shared beginning must have this many tokens to be worth a tree, and be this share of every prompt in it. */
const MIN_SHARED_TOKENS = 32
const MIN_SHARED_SHARE = 0.5

/** Prompts hanging from their common beginning, `trunk` tokens long. */
export type PromptTree = { trunk: number; prompts: { index: number; ids: readonly number[] }[] }

/** Neighbouring prompts with a long common beginning together; every other prompt alone. */
export function promptTrees(prompts: readonly { index: number; ids: readonly number[] }[]): PromptTree[] {
  const trees: (PromptTree & { tokens: number })[] = []
  for (const prompt of prompts) {
    const tree = trees.at(-1)
    const first = tree?.prompts[0]
    if (tree && first) {
      // At least the last token stays outside, so that every branch has one.
      const shared = Math.min(commonLength(first.ids, prompt.ids), tree.trunk, prompt.ids.length - 1, first.ids.length - 1)
      const longest = Math.max(prompt.ids.length, ...tree.prompts.map(({ ids }) => ids.length))
      const tokens = shared + [...tree.prompts, prompt].reduce((sum, { ids }) => sum + ids.length - shared, 0)
      if (shared >= MIN_SHARED_TOKENS && shared >= MIN_SHARED_SHARE * longest && tokens <= MAX_BATCH_TOKENS) {
        tree.trunk = shared
        tree.prompts.push(prompt)
        continue
      }
    }
    trees.push({ trunk: prompt.ids.length, prompts: [prompt], tokens: prompt.ids.length })
  }
  return trees.map(({ trunk, prompts: members }) => ({ trunk, prompts: members }))
}

/**
 * @param prompts different ones; `rows` are the rows of the cache to fill with each.
 * @param onPrompt sees the distribution of the first token; the arrays are valid during the call.
 */
export async function prefill(sampler: Sampler, prompts: readonly { ids: readonly number[]; rows: readonly number[] }[], rope: Feeds, inverseTemperature: Array32, cache: KeyValueCache, onPrompt: (prompt: number, next: NextToken) => void): Promise<void> {
  const { config } = sampler
  const trees = promptTrees(prompts.map(({ ids }, index) => ({ index, ids }))).map(tree => ({ tree, row: treeOfPrompts(tree) }))
  const names = cacheNames(config)
  for (const batch of scoringBatches(trees, config)) {
    const { feeds, starts, predictions, blocks } = packRows(batch.map(({ row }) => row), config, 0)
    const next = nextTokenArrays(predictions, config)
    const keysValues = blocks.map(({ size, keys }) => emptyArrays(Object.fromEntries(names.map(name => [name, [size, config.keyValueHeads, keys, config.headDim]]))))
    const results = Object.fromEntries(keysValues.flatMap((arrays, b) => Object.entries(arrays).map(([name, array]) => [`${name}.${b}`, array])))
    await sampler.prefill.run({ ...sampler.weights, ...rope, ...feeds, inverseTemperature }, { ...results, ...next })
    blocks.forEach(({ segments, keys }, b) => segments.forEach(({ row, branch, keys: length }, s) => {
      const { tree } = at(batch, row)
      // A beginning that several share is no prompt itself; in its prompts' own segments it stands before the rest.
      const prompt = tree.prompts.length === 1 ? tree.prompts[0] : tree.prompts[branch]
      for (const target of prompt ? at(prompts, prompt.index).rows : []) for (const [name, { data }] of Object.entries(at(keysValues, b))) cache.fill(name, target, data, s, keys, length)
    }))
    batch.forEach(({ tree }, b) => tree.prompts.forEach(({ index }, p) => onPrompt(index, nextTokenOf(next, at(starts, b) + p, config))))
  }
}

/** Arrays for the distributions of so many rows. */
export function nextTokenArrays(rows: number, { vocabulary }: DecoderConfig): Record<keyof NextToken, { data: Float32Array; dims: readonly number[] }> {
  const dims = [rows, vocabulary]
  return emptyArrays({ logits: dims, logps: dims, probabilities: dims })
}

export function nextTokenOf(arrays: Record<keyof NextToken, { data: Float32Array }>, row: number, { vocabulary: V }: DecoderConfig): NextToken {
  const of = ({ data }: { data: Float32Array }): Float32Array => data.subarray(row * V, (row + 1) * V)
  return { logits: of(arrays.logits), logps: of(arrays.logps), probabilities: of(arrays.probabilities) }
}

/** The last token of each prompt predicts. */
function treeOfPrompts({ trunk, prompts }: PromptTree): PackedRow {
  const [first] = prompts
  if (!first) throw new Error('expected a tree of at least one prompt')
  if (prompts.length === 1) return { ids: [...first.ids], trunk: first.ids.length, branches: [], predictions: [{ at: first.ids.length - 1, labels: [] }] }
  const row: PackedRow = { ids: first.ids.slice(0, trunk), trunk, branches: [], predictions: [] }
  for (const { ids } of prompts) {
    row.ids.push(...ids.slice(trunk))
    row.branches.push(ids.length - trunk)
    row.predictions.push({ at: row.ids.length - 1, labels: [] })
  }
  return row
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const limit = Math.min(a.length, b.length)
  let length = 0
  while (length < limit && a[length] === b[length]) length++
  return length
}
