/**
 * Makes the map of conversations: a vector for each (kept, so that the next map computes those of new conversations
 * alone), then a place on the plane. Stopped at any instant, what was embedded stays.
 */
import { setImmediate } from 'node:timers/promises'
import { DIMENSIONS, embedOne, planeOf, rarityIn } from '../../core/embedding.ts'
import { UsageError } from '../../shared/errors.ts'
import { openSentenceModel, type SentenceModel, TEXT_CHARACTERS, versionOf } from '../sentence-model.ts'
import { countConversations, firstOfSample, lexicalEmbedding, readVectors, recordEmbedding, textReader, withoutVector, writeMap, writeVectors, type StoredEmbedding } from '../storage/conversation-map.ts'
import type { WritableDb } from '../storage/open.ts'

export type MapOptions = {
  /** Of a sentence-embedding model; null: by wording. */
  folder: string | null
  signal?: AbortSignal
  onProgress?: (stage: string, done: number, total: number) => void
}

const BATCH = 128
/** Rarity is counted on so many conversations, and anew once there are twice as many in the workspace. */
const RARITY_TEXTS = 20_000
/** How vectors become places. */
const PROJECTION = 'two main directions (PCA)'

type Encoder = Pick<SentenceModel, 'embedding'> & { encode(texts: readonly string[]): Promise<Float32Array[]> | Float32Array[]; release?(): Promise<void> }

/** @throws UsageError, or InputError where the folder holds no model that can be read. */
export async function makeMap(db: WritableDb, { folder, signal, onProgress = () => {} }: MapOptions): Promise<{ points: number; embedded: number }> {
  if (countConversations(db) === 0) throw new UsageError('map: expected conversations in the workspace, got none. Import some first')
  onProgress('opening the embedding', 0, 0)
  const { embedding, encode, release } = folder === null ? lexicalEncoder(db) : await openSentenceModel(db, folder)
  const waiting = withoutVector(db, embedding.id)
  const read = textReader(db, TEXT_CHARACTERS)
  for (let from = 0; from < waiting.length; from += BATCH) {
    const positions = waiting.slice(from, from + BATCH)
    writeVectors(db, embedding.id, positions, await encode(positions.map(read)))
    onProgress('embedding', from + positions.length, waiting.length)
    await setImmediate()
    signal?.throwIfAborted()
  }
  await release?.()
  onProgress('laying out', 0, 0)
  await setImmediate()
  const { positions, vectors } = readVectors(db, embedding.id)
  const { points, explained } = planeOf(vectors)
  signal?.throwIfAborted()
  writeMap(db, { embedding: embedding.id, projection: PROJECTION, explained, madeAt: new Date().toISOString() }, positions, points)
  return { points: points.length, embedded: waiting.length }
}

/** Under the rarity that was counted before, so that vectors stay comparable, unless the workspace has outgrown it. */
function lexicalEncoder(db: WritableDb): Encoder {
  const conversations = countConversations(db)
  const known = lexicalEmbedding(db)
  const isFit = known !== null && known.fitted !== null && conversations <= 2 * known.fitted
  const embedding = isFit ? known : fitLexical(db, conversations)
  const rarity = new Float32Array(new Uint8Array(embedding.rarity!).buffer)
  return { embedding, encode: (texts) => texts.map((text) => embedOne(text, rarity)) }
}

function fitLexical(db: WritableDb, conversations: number): StoredEmbedding {
  const sample = firstOfSample(db, RARITY_TEXTS)
  const read = textReader(db, TEXT_CHARACTERS)
  function* texts(): Generator<string> {
    for (const position of sample) yield read(position)
  }
  const rarity = Buffer.from(rarityIn(texts()).buffer)
  const words = `wording: words and word pairs of the first ${TEXT_CHARACTERS.toLocaleString('en-US')} characters, hashed, by rarity in ${sample.length.toLocaleString('en-US')} conversations, ${DIMENSIONS} dimensions`
  return recordEmbedding(db, { version: versionOf('lexical 1', rarity.toString('base64')), kind: 'lexical', words, folder: null, dimensions: DIMENSIONS, fitted: conversations, rarity })
}
