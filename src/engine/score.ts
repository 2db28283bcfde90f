/** Per-token log-probabilities of completions, in packed batches under a memory budget. */
import type { TokenRow } from './engine.ts'
import { InputError } from './input-error.ts'
import type { DecoderConfig } from './models/decoder.ts'
import { contextLength, packRows, segmentSizes, treeRow } from './packing.ts'
import type { PackedRow } from './packing.ts'

/** A row of the batch and the requests whose completions hang from it. */
export type ScoringRow = { row: PackedRow; requests: number[] }

/** Enough rows for full matrix speed; more only outgrow the processor's caches (20 % slower at 8192 on a small model). */
export const MAX_BATCH_TOKENS = 2048
const MAX_LOGITS = 2 ** 25
const MAX_SCORES = 2 ** 24

/** Neighbouring requests with the same prompt become one tree row. @throws where a request cannot be scored. */
export function scoringRows(requests: readonly TokenRow[], config: DecoderConfig): ScoringRow[] {
  const rows: { prompt: number[]; key: string; completions: number[][]; requests: number[]; tokens: number }[] = []
  requests.forEach(({ promptIds, completionIds }, i) => {
    if (completionIds.length === 0) return
    if (promptIds.length === 0) throw new Error(`row ${i}: expected at least one prompt token (nothing predicts a first token), got none`)
    const length = promptIds.length + completionIds.length
    if (length > config.maxPositions) throw new InputError(`row ${i}: expected at most ${config.maxPositions} tokens (max_position_embeddings), got ${length}; shorten it`)
    const bad = [...promptIds, ...completionIds].find(id => !Number.isInteger(id) || id < 0 || id >= config.vocabulary)
    if (bad !== undefined) throw new InputError(`row ${i}: expected token ids below ${config.vocabulary} (vocab_size), got ${bad}; is it the model's own tokenizer?`)
    const key = promptIds.join(' ')
    const last = rows.at(-1)
    if (last?.key === key && last.tokens + completionIds.length <= MAX_BATCH_TOKENS) {
      last.completions.push(completionIds)
      last.requests.push(i)
      last.tokens += completionIds.length
    } else rows.push({ prompt: promptIds, key, completions: [completionIds], requests: [i], tokens: length })
  })
  return rows.map(({ prompt, completions, requests: indices }) => ({ row: treeRow(prompt, completions), requests: indices }))
}

/** Rows of similar length together, as many as the budgets allow; the longest first, so memory peaks at once. */
export function scoringBatches<T extends { row: PackedRow }>(rows: readonly T[], config: DecoderConfig): T[][] {
  const sorted = rows.toSorted((a, b) => b.row.ids.length - a.row.ids.length)
  const batches: T[][] = []
  let tokens = 0
  let predictions = 0
  let scores = 0
  for (const item of sorted) {
    const { ids, predictions: wanted } = item.row
    const asked = config.heads * segmentSizes(item.row).reduce((sum, { queries, keys }) => sum + queries * keys, 0)
    const current = batches.at(-1)
    const fits = current && tokens + ids.length <= MAX_BATCH_TOKENS && (predictions + wanted.length) * config.vocabulary <= MAX_LOGITS && scores + asked <= MAX_SCORES
    if (fits) current.push(item)
    else {
      batches.push([item])
      tokens = 0
      predictions = 0
      scores = 0
    }
    tokens += ids.length
    predictions += wanted.length
    scores += asked
  }
  return batches
}

/** Packs a scoring batch; labels get as many columns as the widest branching. */
export function packScoringBatch(rows: readonly PackedRow[], config: DecoderConfig): { packed: ReturnType<typeof packRows>; columns: number; positions: number } {
  const columns = Math.max(...rows.flatMap(row => row.predictions.map(prediction => prediction.labels.length)))
  return { packed: packRows(rows, config, columns), columns, positions: Math.max(...rows.map(contextLength)) }
}
