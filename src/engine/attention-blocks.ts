/**
 * What attention is computed over. Each piece of a packed row (its trunk, each branch) asks as one segment: its own
 * tokens are the queries, the trunk before them and themselves the keys. Segments of like size share a block that is
 * padded to the largest, so that neither siblings nor padding cost much.
 */
import type { Sizes } from './dims.ts'

/** How many blocks every graph has. More of them pad less and run more, smaller products. */
export const ATTENTION_BLOCKS = 3

/** Queries of a segment, and its keys, the queries among them. */
export type SegmentSize = { queries: number; keys: number }

/** `queries` and `keys` are those that every segment is padded to; `size` segments are computed: one, of filling, where there is none. */
export type AttentionBlock<T extends SegmentSize> = SegmentSize & { segments: T[]; size: number }

/** The segments in `ATTENTION_BLOCKS` blocks (some without any) of least total padded size Σ segments·queries·keys. */
export function attentionBlocks<T extends SegmentSize>(segments: readonly T[]): AttentionBlock<T>[] {
  const sorted = segments.toSorted((a, b) => a.keys - b.keys || a.queries - b.queries)
  const n = sorted.length
  // least[i]: size of the best blocks for the first i segments; from[b][i]: where the last of b of them begins.
  let least = Array.from({ length: n + 1 }, (_, i) => (i === 0 ? 0 : Infinity))
  const from: number[][] = []
  for (let b = 0; b < ATTENTION_BLOCKS; b++) {
    const next = [...least]
    const starts = Array.from({ length: n + 1 }, (_, i) => i)
    for (let end = 1; end <= n; end++) {
      let queries = 0
      const keys = (sorted[end - 1] as T).keys
      for (let start = end - 1; start >= 0; start--) {
        queries = Math.max(queries, (sorted[start] as T).queries)
        const size = (least[start] as number) + (end - start) * queries * keys
        if (size < (next[end] as number)) {
          next[end] = size
          starts[end] = start
        }
      }
    }
    least = next
    from.push(starts)
  }
  const blocks: AttentionBlock<T>[] = []
  let end = n
  for (const starts of from.toReversed()) {
    const start = starts[end] as number
    const members = sorted.slice(start, end)
    blocks.push({ segments: members, size: Math.max(1, members.length), queries: Math.max(1, ...members.map(({ queries }) => queries)), keys: Math.max(1, ...members.map(({ keys }) => keys)) })
    end = start
  }
  return blocks.reverse()
}

/** Scores of the blocks, per head: what attention's time and memory follow. */
export function scoreCount(blocks: readonly AttentionBlock<SegmentSize>[]): number {
  return blocks.reduce((total, { size, queries, keys }) => total + size * queries * keys, 0)
}

/** Names of a block's dimensions in a graph: segments, queries, keys. */
export function blockDims(block: number): [segments: string, queries: string, keys: string] {
  return [`S${block}`, `Q${block}`, `K${block}`]
}

/** The sizes of those dimensions. */
export function blockSizes(blocks: readonly AttentionBlock<SegmentSize>[]): Sizes {
  return Object.fromEntries(blocks.flatMap(({ size, queries, keys }, b) => {
    const [s, q, k] = blockDims(b)
    return [[s, size], [q, queries], [k, keys]]
  }))
}
