/**
 * Holds what rows ask against evaluation prompts by meaning: sentence vectors, kept by text and model, a batch of rows at
 * a time, so that memory holds the vectors of the prompts and of one batch.
 */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type GuardedRow, type GuardPrompt, isBlank } from '../../core/contamination.ts'
import { cosineHistogram, nearestPrompts, stacked } from '../../core/nearest-prompts.ts'
import type { MeaningMatch } from '../../shared/datasets.ts'
import { type SentenceModel, TEXT_CHARACTERS } from '../sentence-model.ts'
import type { StoredEmbedding } from '../storage/conversation-map.ts'
import type { WritableDb } from '../storage/open.ts'
import { readTextVectors, writeTextVectors } from '../storage/text-vectors.ts'
import type { Tell } from '../task-thread.ts'

/** `encode`: null where only vectors that are kept may be used. */
export type Meaning = { embedding: StoredEmbedding; encode: SentenceModel['encode'] | null; threshold: number }
/** `meets`: for each row that reaches the threshold the index of its nearest prompt. */
export type MeaningFound = { stamp: MeaningMatch; meets: Map<number, number> }

const BATCH = 128
const SHOWN_PAIRS = 50
const SHOWN_CHARACTERS = 400

/** Null where a text has no vector and none may be computed. */
export async function matchMeaning(db: WritableDb, rows: readonly GuardedRow[], prompts: readonly GuardPrompt[], { embedding, encode, threshold }: Meaning, tell: Tell): Promise<MeaningFound | null> {
  const { dimensions } = embedding
  const vectorsOf = async (texts: readonly string[]): Promise<Float32Array[] | null> => {
    const hashes = texts.map((text) => createHash('sha256').update(text).digest())
    const vectors = readTextVectors(db, embedding.id, hashes)
    const missing = vectors.flatMap((vector, i) => (vector === null ? [i] : []))
    if (missing.length > 0) {
      if (encode === null) return null
      const made = await encode(missing.map((i) => texts[i]!))
      writeTextVectors(db, embedding.id, missing.map((i) => hashes[i]!), made)
      missing.forEach((i, k) => (vectors[i] = made[k]!))
    }
    return vectors as Float32Array[]
  }
  /** Work on batches, told as it goes on; false as soon as one fails. */
  const inBatches = async (texts: readonly string[], stage: string, take: (vectors: Float32Array[], from: number) => void): Promise<boolean> => {
    for (let from = 0; from < texts.length; from += BATCH) {
      tell(from, texts.length, stage)
      const vectors = await vectorsOf(texts.slice(from, from + BATCH))
      if (vectors === null) return false
      take(vectors, from)
      await setImmediate()
    }
    return true
  }

  const asked = askedOnce(prompts)
  const rowsAsked = askedOnce(rows)
  if (asked.texts.length === 0) return { meets: new Map(), stamp: stampOf(embedding, threshold, [], []) }
  const promptVectors: Float32Array[] = []
  if (!(await inBatches(asked.texts, 'embedding evaluation prompts', (vectors) => void promptVectors.push(...vectors)))) return null
  const promptMatrix = stacked(promptVectors, dimensions)
  const cosines = new Float32Array(rowsAsked.texts.length)
  const nearest = new Uint32Array(rowsAsked.texts.length)
  const isWhole = await inBatches(rowsAsked.texts, 'comparing by meaning', (vectors, from) => {
    const found = nearestPrompts(stacked(vectors, dimensions), promptMatrix, dimensions)
    cosines.set(found.cosine, from)
    nearest.set(found.prompt, from)
  })
  if (!isWhole) return null

  const meets = new Map<number, number>()
  rowsAsked.of.forEach((text, row) => void (text !== null && cosines[text]! >= threshold && meets.set(row, asked.first[nearest[text]!]!)))
  const order = [...cosines.keys()].sort((a, b) => cosines[b]! - cosines[a]! || a - b).slice(0, SHOWN_PAIRS)
  const pairs = order.map((text) => ({ row: rowsAsked.first[text]!, cosine: cosines[text]!, asked: rowsAsked.texts[text]!.slice(0, SHOWN_CHARACTERS), prompt: asked.texts[nearest[text]!]!.slice(0, SHOWN_CHARACTERS) }))
  return { meets, stamp: stampOf(embedding, threshold, rowsAsked.of.flatMap((text) => (text === null ? [] : cosines[text]!)), pairs) }
}

const stampOf = ({ words, version, folder }: StoredEmbedding, threshold: number, cosines: readonly number[], nearest: MeaningMatch['nearest']): MeaningMatch =>
  ({ encoder: words, version, folder: folder ?? '', threshold, histogram: cosineHistogram(cosines), nearest })

/** Each text once: where it first comes, and which one each of the askers has; null where nothing is asked. */
function askedOnce(askers: readonly { requests: readonly string[] }[]): { texts: string[]; first: number[]; of: (number | null)[] } {
  const texts: string[] = []
  const first: number[] = []
  const known = new Map<string, number>()
  const of = askers.map(({ requests }, at) => {
    if (isBlank(requests)) return null
    const text = requests.join('\n').slice(0, TEXT_CHARACTERS)
    const present = known.get(text)
    if (present !== undefined) return present
    known.set(text, texts.length)
    first.push(at)
    return texts.push(text) - 1
  })
  return { texts, first, of }
}
