/** Vectors of texts by what made them and the SHA-256 of the text. */
import type { ReadableDb, WritableDb } from './open.ts'

/** Null for each text without a vector. @param hashes SHA-256 of texts */
export function readTextVectors(db: ReadableDb, embedding: number, hashes: readonly Buffer[]): (Float32Array | null)[] {
  const read = db.prepare('SELECT vector FROM text_vectors WHERE embedding = ? AND text = ?').pluck()
  return hashes.map((hash) => {
    const vector = read.get(embedding, hash) as Buffer | undefined
    return vector === undefined ? null : new Float32Array(new Uint8Array(vector).buffer)
  })
}

/** In one transaction. */
export function writeTextVectors(db: WritableDb, embedding: number, hashes: readonly Buffer[], vectors: readonly Float32Array[]): void {
  const insert = db.prepare('INSERT OR IGNORE INTO text_vectors (embedding, text, vector) VALUES (?, ?, ?)')
  const write = db.transaction(() => hashes.forEach((hash, i) => insert.run(embedding, hash, Buffer.from(vectors[i]!.buffer, vectors[i]!.byteOffset, vectors[i]!.byteLength))))
  write.immediate()
}
