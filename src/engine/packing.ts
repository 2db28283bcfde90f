/**
 * Batches without padding waste: the real tokens of all rows lie one after the other [N], attention alone sees
 * padded blocks (`attention-blocks.ts`). A row is a prompt with any number of completions hanging from its end (a tree): each
 * completion attends the prompt and itself and counts positions from the prompt's end, so the prompt is computed
 * once, exactly. The last token of a completion predicts nothing and is not computed.
 */
import { attentionBlocks } from './attention-blocks.ts'
import type { AttentionBlock, SegmentSize } from './attention-blocks.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { ropeTable } from './models/rope.ts'
import type { RopeTable } from './models/rope.ts'
import type { Feeds } from './session.ts'

/** `branches`: lengths of the pieces that follow the first `trunk` ids; each continues the trunk by itself. */
export type PackedRow = { ids: number[]; trunk: number; branches: number[]; predictions: Prediction[] }

/** Token `at` of the row predicts `labels` (several where branches begin). */
export type Prediction = { at: number; labels: number[] }

export type PackedBatch = {
  feeds: Feeds
  /** Ids of the packed tokens, the filling token included. */
  ids: Int32Array
  tokens: number
  /** Predictions of row i are `starts[i]` … `starts[i + 1]` - 1 of the batch. */
  starts: number[]
  predictions: number
  blocks: readonly AttentionBlock<Segment>[]
}

/** Low enough that exp() of a masked score is exactly zero in float32, finite so that a fully masked row is no NaN. */
const MASKED = -1e9

/** The row of a prompt and its completions; prediction p of completion c is found with `predictionOf`. */
export function treeRow(promptIds: number[], completions: number[][]): PackedRow {
  const trunk = promptIds.length
  const ids = [...promptIds]
  const predictions: Prediction[] = [{ at: trunk - 1, labels: completions.map(completion => completion[0] ?? 0) }]
  const branches: number[] = []
  for (const completion of completions) {
    const branch = completion.slice(0, -1)
    branch.forEach((_, i) => predictions.push({ at: ids.length + i, labels: [completion[i + 1] ?? 0] }))
    ids.push(...branch)
    branches.push(branch.length)
  }
  return { ids, trunk, branches, predictions }
}

/** Places of a completion's tokens among its row's predictions: [prediction, label] in order. */
export function completionPlaces(row: PackedRow, completion: number, length: number): [prediction: number, label: number][] {
  let before = 1
  for (let i = 0; i < completion; i++) before += row.branches[i] ?? 0
  return Array.from({ length }, (_, i) => (i === 0 ? [0, completion] : [before + i - 1, 0]))
}

/** A plain sequence in which token t is predicted where `lossMask[t]` is 1 (never the first). */
export function sequenceRow(ids: number[], lossMask?: readonly number[]): PackedRow {
  const predictions: Prediction[] = []
  for (let t = 1; t < ids.length; t++) if (lossMask?.[t]) predictions.push({ at: t - 1, labels: [ids[t] ?? 0] })
  return { ids, trunk: ids.length, branches: [], predictions }
}

/** A segment of a batch: `queries` tokens from `start` on of a row, which see the row's trunk and themselves; `branch` is -1 for the trunk itself. */
type Segment = SegmentSize & { row: number; branch: number; start: number }

/** The trunk, then each branch that has tokens. */
function segmentsOf({ trunk, branches }: Pick<PackedRow, 'trunk' | 'branches'>, row: number): Segment[] {
  const segments: Segment[] = [{ row, branch: -1, start: 0, queries: trunk, keys: trunk }]
  let start = trunk
  branches.forEach((queries, branch) => {
    if (queries > 0) segments.push({ row, branch, start, queries, keys: trunk + queries })
    start += queries
  })
  return segments
}

/** What a row will ask of attention. */
export function segmentSizes(row: Pick<PackedRow, 'trunk' | 'branches'>): SegmentSize[] {
  return segmentsOf(row, 0).map(({ queries, keys }) => ({ queries, keys }))
}

/** @param columns labels per prediction; shorter lists are filled with id 0, to be ignored. */
export function packRows(rows: readonly PackedRow[], config: DecoderConfig, columns: number): PackedBatch {
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0)
  // One filling token stands for all padding: its gradient is exactly zero (nothing attends it and nothing predicts
  // from it), which is what the padded places of a gathered gradient must read.
  const N = tokens + 1
  const ids = new Int32Array(N)
  const positions = new BigInt64Array(N)
  // Little-endian lower halves: positions are small, and BigInt conversion is slow.
  const positionWords = new Int32Array(positions.buffer)
  const firsts: number[] = []
  const starts = [0]
  const select: number[] = []
  const labels: number[] = []
  let first = 0
  for (const row of rows) {
    ids.set(row.ids, first)
    for (const { start, queries, keys } of segmentsOf(row, 0)) for (let i = 0; i < queries; i++) positionWords[2 * (first + start + i)] = keys - queries + i
    for (const { at, labels: wanted } of row.predictions) {
      select.push(first + at)
      for (let c = 0; c < columns; c++) labels.push(wanted[c] ?? 0)
    }
    starts.push(select.length)
    firsts.push(first)
    first += row.ids.length
  }
  const unselect = new Int32Array(N).fill(select.length)
  select.forEach((index, place) => (unselect[index] = place))
  const blocks = attentionBlocks(rows.flatMap(segmentsOf))
  const feeds: Record<string, Feeds[string]> = {
    ids: { data: ids, dims: [N] },
    positions: { data: positions, dims: [N, 1] },
    select: { data: Int32Array.from(select), dims: [select.length] },
    unselect: { data: unselect, dims: [1, N] },
    labels: { data: Int32Array.from(labels), dims: [select.length, columns] },
    ...attentionFeeds(blocks, rows, firsts, tokens, config),
  }
  return { feeds, ids, tokens, starts, predictions: select.length, blocks }
}

/**
 * Masks and indices of the blocks: for each place of a block the row [N·heads, D] that it reads, and for each row the
 * places where it lies, counted over all blocks. Queries lie at one place; a trunk's keys in every segment of their row.
 * @param filler index of the filling token
 */
function attentionFeeds(blocks: readonly AttentionBlock<Segment>[], rows: readonly PackedRow[], firsts: readonly number[], filler: number, { heads, keyValueHeads }: DecoderConfig): Feeds {
  const N = filler + 1
  const copies = 1 + Math.max(...rows.map(({ branches }) => branches.length))
  const places = (padded: 'queries' | 'keys'): number => blocks.reduce((total, block) => total + block.size * block[padded], 0)
  // The place behind all others is a row of zeros.
  const unpad = { queries: new Int32Array(N * heads).fill(heads * places('queries')), keys: new Int32Array(copies * N * keyValueHeads).fill(keyValueHeads * places('keys')) }
  const seen = new Uint16Array(N)
  const feeds: Record<string, Feeds[string]> = {}
  const before = { queries: 0, keys: 0 }
  blocks.forEach(({ segments, size: S, queries: Q, keys: K }, b) => {
    const mask = new Float32Array(S * Q * K).fill(MASKED)
    const pad = { queries: new Int32Array(S * heads * Q), keys: new Int32Array(S * keyValueHeads * K) }
    for (let s = 0; s < S; s++) {
      const segment = segments[s]
      const first = segment ? (firsts[segment.row] as number) : 0
      const trunk = segment ? segment.keys - segment.queries : 0
      for (let i = 0; i < Q; i++) {
        const token = segment && i < segment.queries ? first + segment.start + i : filler
        for (let h = 0; h < heads; h++) {
          const place = (s * heads + h) * Q + i
          pad.queries[place] = token * heads + h
          if (token !== filler) unpad.queries[token * heads + h] = before.queries + place
        }
        if (token !== filler) mask.fill(0, (s * Q + i) * K, (s * Q + i) * K + trunk + i + 1)
      }
      for (let j = 0; j < K; j++) {
        const token = segment && j < segment.keys ? first + (j < trunk ? j : segment.start + j - trunk) : filler
        const copy = token === filler ? 0 : (seen[token] as number)
        for (let h = 0; h < keyValueHeads; h++) {
          const place = (s * keyValueHeads + h) * K + j
          pad.keys[place] = token * keyValueHeads + h
          if (token !== filler) unpad.keys[(copy * N + token) * keyValueHeads + h] = before.keys + place
        }
        if (token !== filler) seen[token] = copy + 1
      }
    }
    before.queries += S * heads * Q
    before.keys += S * keyValueHeads * K
    feeds[`mask.${b}`] = { data: mask, dims: [S, 1, Q, K] }
    feeds[`pad.q.${b}`] = { data: pad.queries, dims: [S, keyValueHeads, (heads / keyValueHeads) * Q] }
    feeds[`pad.k.${b}`] = { data: pad.keys, dims: [S, keyValueHeads, K] }
  })
  return { ...feeds, 'unpad.q': { data: unpad.queries, dims: [1, N * heads] }, 'unpad.k': { data: unpad.keys, dims: [copies, N * keyValueHeads] } }
}

/** Position tables that grow with what is asked for, so a long context costs nothing until it is used. */
export class RopeTables {
  private readonly frequencies: Float32Array
  private table: RopeTable

  constructor(config: DecoderConfig) {
    this.frequencies = config.frequencies
    this.table = ropeTable(config.frequencies, 64)
  }

  /** Feeds `cos` and `sin` for at least this many positions. */
  feeds(positions: number): Feeds {
    if (this.table.dims[0] < positions) this.table = ropeTable(this.frequencies, 2 ** Math.ceil(Math.log2(positions)))
    const { cos, sin, dims } = this.table
    return { cos: { data: cos, dims }, sin: { data: sin, dims } }
  }
}

/** The longest context of a row, to be held against max_position_embeddings. */
export function contextLength(row: PackedRow): number {
  return row.trunk + Math.max(0, ...row.branches)
}
