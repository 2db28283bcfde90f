/** A sentence-embedding model that somebody chose, as a workspace knows it: by the hash of everything that decides what a text's vector is. */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { hashFile } from './hash-file.ts'
import { recordEmbedding, type StoredEmbedding } from './storage/conversation-map.ts'
import type { WritableDb } from './storage/open.ts'

export type SentenceModel = { embedding: StoredEmbedding; /** Vectors of unit length. */ encode(texts: readonly string[]): Promise<Float32Array[]>; release(): Promise<void> }

/** What is read of each text: sentence models see about a quarter as many tokens. */
export const TEXT_CHARACTERS = 2000

/** Native code works on the model's file: call it where a crash ends nothing else. @throws InputError where the folder holds no model that can be read. */
export async function openSentenceModel(db: WritableDb, folder: string): Promise<SentenceModel> {
  const { openSentenceEncoder } = await import('../engine/sentence-encoder.ts')
  const { readSentenceFolder } = await import('../engine/sentence-folder.ts')
  const { defaultThreads } = await import('../engine/threads.ts')
  const { files, maxTokens } = readSentenceFolder(folder)
  const encoder = await openSentenceEncoder(folder, defaultThreads(Infinity))
  const hashes = await Promise.all(files.map(hashFile))
  const version = versionOf('onnx 1, mean, l2', `${maxTokens}`, ...hashes)
  const words = `${basename(folder)}: ONNX sentence embedding of the first ${maxTokens} tokens, mean pooling, ${encoder.dimensions} dimensions`
  const embedding = recordEmbedding(db, { version, kind: 'onnx', words, folder, dimensions: encoder.dimensions, fitted: null, rarity: null })
  return { embedding, encode: encoder.encode, release: encoder.release }
}

export const versionOf = (...parts: string[]): string => createHash('sha256').update([...parts, String(TEXT_CHARACTERS)].join('\n')).digest('hex')
