/**
 * Batches without padding waste: the real tokens of all rows lie one after the other [N], attention alone sees
 * padded blocks [B, T]. A row is a prompt with any number of completions hanging from its end (a tree): each
 * completion attends the prompt and itself and counts positions from the prompt's end, so the prompt is computed
 * once, exactly. The last token of a completion predicts nothing and is not computed.
 */
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

/** @param columns labels per prediction; shorter lists are filled with id 0, to be ignored. */
export function packRows(rows: readonly PackedRow[], config: DecoderConfig, columns: number): PackedBatch {
  const T = Math.max(...rows.map(row => row.ids.length))
  const B = rows.length
  const real = rows.reduce((sum, row) => sum + row.ids.length, 0)
  // Where rows are padded, one filling token stands for all padding: its gradient is exactly zero (nothing attends
  // it and nothing predicts from it), which is what the padded places of a gathered gradient must read.
  const N = real < B * T ? real + 1 : real
  const filler = N - 1
  const ids = new Int32Array(N)
  const positions = new BigInt64Array(N)
  // Little-endian lower halves: positions are small, and BigInt conversion is slow.
  const positionWords = new Int32Array(positions.buffer)
  const places = new Int32Array(N)
  const pad = new Int32Array(B * T).fill(filler)
  const mask = new Float32Array(B * T * T).fill(MASKED)
  const starts = [0]
  const select: number[] = []
  const labels: number[] = []
  let token = 0
  rows.forEach((row, b) => {
    const first = token
    for (let i = 0; i < row.trunk; i++) mask.fill(0, (b * T + i) * T, (b * T + i) * T + i + 1)
    let start = row.trunk
    for (const length of row.branches) {
      for (let i = start; i < start + length; i++) {
        const line = (b * T + i) * T
        mask.fill(0, line, line + row.trunk).fill(0, line + start, line + i + 1)
        positionWords[2 * (first + i)] = row.trunk + i - start
      }
      start += length
    }
    row.ids.forEach((id, i) => {
      ids[token] = id
      if (i < row.trunk) positionWords[2 * token] = i
      places[token] = b * T + i
      pad[b * T + i] = token
      token++
    })
    for (const { at, labels: wanted } of row.predictions) {
      select.push(first + at)
      for (let c = 0; c < columns; c++) labels.push(wanted[c] ?? 0)
    }
    starts.push(select.length)
  })
  if (N > real) places[filler] = pad.indexOf(filler)
  const unselect = new Int32Array(N).fill(select.length)
  select.forEach((index, place) => (unselect[index] = place))
  const groups = config.heads / config.keyValueHeads
  const query = headIndices(pad, places, B, T, config.heads)
  const feeds: Record<string, Feeds[string]> = {
    ids: { data: ids, dims: [N] },
    positions: { data: positions, dims: [N, 1] },
    mask: { data: mask, dims: [B, 1, T, T] },
    'pad.q': { data: query.pad, dims: [B, config.keyValueHeads, groups * T] },
    'unpad.q': { data: query.unpad, dims: [N * config.heads] },
    select: { data: Int32Array.from(select), dims: [select.length] },
    unselect: { data: unselect, dims: [N] },
    labels: { data: Int32Array.from(labels), dims: [select.length, columns] },
  }
  if (groups > 1) {
    const key = headIndices(pad, places, B, T, config.keyValueHeads)
    feeds['pad.k'] = { data: key.pad, dims: [B, config.keyValueHeads, T] }
    feeds['unpad.k'] = { data: key.unpad, dims: [N * config.keyValueHeads] }
  }
  return { feeds, ids, tokens: real, starts, predictions: select.length }
}

/** Rows [N·heads, D] ↔ blocks [B, heads, T, D]: where each place of a block comes from, and where each row lies. */
function headIndices(pad: Int32Array, places: Int32Array, B: number, T: number, heads: number): { pad: Int32Array; unpad: Int32Array } {
  const padded = new Int32Array(B * heads * T)
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < T; t++) padded[(b * heads + h) * T + t] = (pad[b * T + t] ?? 0) * heads + h
    }
  }
  const unpadded = new Int32Array(places.length * heads)
  for (let n = 0; n < places.length; n++) {
    const place = places[n] ?? 0
    const row = Math.floor(place / T)
    for (let h = 0; h < heads; h++) unpadded[n * heads + h] = (row * heads + h) * T + (place - row * T)
  }
  return { pad: padded, unpad: unpadded }
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
