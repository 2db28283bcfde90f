/** How large the pairs are that a recipe will train on, before any of them exists: from the rows they are made of. */
import type { DpoPlan, PairSize } from '../engine/estimate-training.ts'
import { PAIR_SOURCES } from '../shared/pair-sources.ts'
import type { Recipe } from '../shared/recipe.ts'
import type { FeedbackRow, Message, Pair } from '../shared/types.ts'
import { getDataset, readExtremeRows } from './storage/datasets.ts'
import type { ReadableDb } from './storage/open.ts'

/**
 * UTF-8 bytes of a token. Byte-pair vocabularies take 4 to 5 of English, about 3 of Chinese or of code; with 3 the
 * estimate is rather too large.
 */
const BYTES_PER_TOKEN = 3
/** What a template adds to a message. */
const MESSAGE_TOKENS = 6
/** More pairs than any step holds: whoever asks for more is told a figure that fits nowhere. */
const MOST_PAIRS = 4096

export type Sizes = Pick<DpoPlan, 'pairs' | 'smallest'>

/** The largest batch of the rounds, and of the warm start where there is one. @param context longest sequence the model takes. */
export function largestBatches(recipe: Recipe, context: number, db: ReadableDb): Sizes[] {
  const { training, sampling, pairs_per_round: perRound, warm_start: warmStart } = recipe
  const limit = Math.min(training.max_length, context)
  const count = Math.min(training.per_device_train_batch_size, MOST_PAIRS)
  const sizesOf = (name: string, kind: 'feedback' | 'preference', most: number, sizeOf: (row: unknown) => PairSize, unknownSide: number): Sizes => {
    const dataset = getDataset(db, name)
    const rows = dataset?.kind === kind ? readExtremeRows(db, dataset, most) : null
    if (rows === null) {
      const pair = cutPair({ prompt: Math.ceil(limit / 2), chosen: unknownSide, rejected: unknownSide }, limit)
      return { pairs: Array.from({ length: most }, () => pair), smallest: pair }
    }
    return { pairs: rows.largest.map((row) => cutPair(sizeOf(row), limit)), smallest: cutPair(sizeOf(rows.smallest), limit) }
  }
  const ofPreference = (name: string): Sizes => sizesOf(name, 'preference', count, (row) => preferenceSize(row as Pair), limit)
  if (recipe.recipe === 'dpo') return [ofPreference(recipe.dataset)]
  const { chosen, rejected } = PAIR_SOURCES[recipe.recipe]
  const bothSampled = chosen !== 'logged' && rejected !== 'logged' && rejected !== null
  const inRound = Math.min(count, perRound ?? Infinity)
  const sampled = sampling.max_new_tokens
  const ofRounds = sizesOf(recipe.dataset, 'feedback', inRound, (row) => {
    const { prompt, reply } = row as FeedbackRow
    // Where both sides are sampled; else one stands in the log.
    return { prompt: tokensOf(prompt), chosen: sampled, rejected: bothSampled ? sampled : textTokens(reply) }
  }, sampled)
  return warmStart === null ? [ofRounds] : [ofRounds, ofPreference(warmStart.dataset)]
}

function preferenceSize({ prompt, chosen, rejected }: Pair): PairSize {
  return { prompt: tokensOf(prompt), chosen: textTokens(chosen), rejected: textTokens(rejected) }
}

/** As training cuts: both sides at the end; a prompt that fills the limit alone is left out, one token less is the largest. */
function cutPair({ prompt, chosen, rejected }: PairSize, limit: number): PairSize {
  const kept = Math.max(1, Math.min(prompt, limit - 1))
  const side = (tokens: number): number => Math.max(1, Math.min(tokens, limit - kept))
  return { prompt: kept, chosen: side(chosen), rejected: side(rejected) }
}

const tokensOf = (messages: readonly Message[]): number => messages.reduce((sum, { content }) => sum + textTokens(content) + MESSAGE_TOKENS, 0)
const textTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN) + 1
