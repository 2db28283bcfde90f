/**
 * Log-probabilities and rewards in fixed pieces, each journaled as it is done. A piece is known by weights, tokens
 * and what computed it, so nothing is scored twice in a workspace: not after a kill, not by the next method.
 */
import type { Model, TokenPair, TokenRow } from '../../engine/engine.ts'
import { insertScoredChunk, readScoredChunk } from '../storage/run-stages.ts'
import { writeAsOwner } from '../storage/runs.ts'
import { eventTurn, hashOf, type LabContext } from './context.ts'

const PAIRS_PER_CHUNK = 64
const SEQUENCES_PER_CHUNK = 128

export type PairLogps = { chosen: Float64Array; rejected: Float64Array }

/** Summed log-probabilities of both sides of every pair under the model in `folder`. */
export async function scorePairs(context: LabContext, policy: { folder: string; hash: string }, pairs: readonly TokenPair[], onChunk: (done: number) => void): Promise<PairLogps> {
  const key = hashOf({ scores: 'pairs', model: policy.hash, by: context.computedBy, pairs })
  const figures = await inChunks(context, key, pairs.length, PAIRS_PER_CHUNK, onChunk, async (start, end) => {
    const model = await context.models.use(policy.folder)
    const rows = pairs.slice(start, end).flatMap(({ promptIds, chosenIds, rejectedIds }) => [{ promptIds, completionIds: chosenIds }, { promptIds, completionIds: rejectedIds }])
    return Float64Array.from(await model.score(rows), sum)
  })
  return { chosen: figures.filter((_, i) => i % 2 === 0), rejected: figures.filter((_, i) => i % 2 === 1) }
}

/** Summed log-probabilities of replies under the model in `folder`. */
export async function scoreReplies(context: LabContext, policy: { folder: string; hash: string }, replies: readonly TokenRow[], onChunk: (done: number) => void): Promise<Float64Array> {
  const key = hashOf({ scores: 'replies', model: policy.hash, by: context.computedBy, replies })
  return inChunks(context, key, replies.length, SEQUENCES_PER_CHUNK, onChunk, async (start, end) => Float64Array.from(await (await context.models.use(policy.folder)).score(replies.slice(start, end)), sum))
}

/** Rewards of token sequences under a reward model. */
export async function scoreRewards(context: LabContext, rewardModel: { folder: string; hash: string }, sequences: readonly number[][], onChunk: (done: number) => void): Promise<Float64Array> {
  const key = hashOf({ scores: 'rewards', model: rewardModel.hash, by: context.computedBy, sequences })
  return inChunks(context, key, sequences.length, SEQUENCES_PER_CHUNK, onChunk, async (start, end) => {
    const model: Model = await context.models.use(rewardModel.folder)
    return model.reward(sequences.slice(start, end))
  })
}

async function inChunks(context: LabContext, key: string, count: number, size: number, onChunk: (done: number) => void, score: (start: number, end: number) => Promise<Float64Array>): Promise<Float64Array> {
  const { workspace: { db }, lease } = context
  const parts: Float64Array[] = []
  for (let start = 0; start < count; start += size) {
    const end = Math.min(start + size, count)
    let part = readScoredChunk(db, key, start)
    if (part === null) {
      const fresh = await score(start, end)
      writeAsOwner(db, lease, () => insertScoredChunk(db, key, start, fresh))
      part = fresh
      onChunk(end)
      await eventTurn()
      context.signal.throwIfAborted()
    }
    parts.push(part)
  }
  const all = new Float64Array(parts.reduce((total, part) => total + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

/** In double precision. */
export function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
