/** Vectors of conversations and the map they lie on. */
import { MAP_LIMIT, type ConversationMap, type MapEmbedding } from '../../shared/conversation-map.ts'
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

export type StoredEmbedding = MapEmbedding & { id: number; version: string; fitted: number | null; rarity: Buffer | null }

export const countConversations = (db: ReadableDb): number => db.prepare('SELECT count(*) FROM conversations').pluck().get() as number

/**
 * The conversations that are mapped: all, or of more the first MAP_LIMIT by id. Ids are content hashes: a sample that
 * knows nothing of order or source, the same on every machine, and nearly the same after an import.
 */
const SAMPLE = `(SELECT position FROM conversations ORDER BY id LIMIT ${MAP_LIMIT})`

/** Positions of the sample without a vector of this embedding. */
export function withoutVector(db: ReadableDb, embedding: number): number[] {
  return db.prepare(`SELECT position FROM ${SAMPLE} s WHERE NOT EXISTS (SELECT 1 FROM conversation_vectors v WHERE v.conversation = s.position AND v.embedding = ?) ORDER BY position`).pluck().all(embedding) as number[]
}

/** The first so many positions of the sample. */
export const firstOfSample = (db: ReadableDb, limit: number): number[] => db.prepare('SELECT position FROM conversations ORDER BY id LIMIT ?').pluck().all(limit) as number[]

/** Reads what is embedded of a conversation: the beginning of all that was said in it. */
export function textReader(db: ReadableDb, characters: number): (position: number) => string {
  const contents = db.prepare(`SELECT substr(content, 1, ${characters}) FROM messages WHERE conversation = ? ORDER BY turn_index`).pluck()
  return (position) => {
    const parts: string[] = []
    let length = 0
    for (const content of contents.iterate(position) as Iterable<string>) {
      parts.push(content)
      length += content.length + 1
      if (length >= characters) break
    }
    return parts.join('\n').slice(0, characters)
  }
}

export function findEmbedding(db: ReadableDb, version: string): StoredEmbedding | null {
  return (db.prepare('SELECT * FROM embeddings WHERE version = ?').get(version) as StoredEmbedding | undefined) ?? null
}

/** The newest lexical one. */
export function lexicalEmbedding(db: ReadableDb): StoredEmbedding | null {
  return (db.prepare("SELECT * FROM embeddings WHERE kind = 'lexical' ORDER BY id DESC LIMIT 1").get() as StoredEmbedding | undefined) ?? null
}

/** Records it, or under a known version where its model lies now; one that counts rarity anew takes the place of its forerunner. */
export function recordEmbedding(db: WritableDb, { version, kind, words, folder, dimensions, fitted, rarity }: Omit<StoredEmbedding, 'id'>): StoredEmbedding {
  const record = db.transaction(() => {
    if (kind === 'lexical') {
      db.prepare("DELETE FROM conversation_vectors WHERE embedding IN (SELECT id FROM embeddings WHERE kind = 'lexical' AND version <> ?)").run(version)
      db.prepare("DELETE FROM embeddings WHERE kind = 'lexical' AND version <> ?").run(version)
    }
    db.prepare('INSERT INTO embeddings (version, kind, words, folder, dimensions, fitted, rarity) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (version) DO UPDATE SET folder = excluded.folder, words = excluded.words').run(version, kind, words, folder, dimensions, fitted, rarity)
  })
  record.immediate()
  return findEmbedding(db, version)!
}

/** In one transaction. A conversation that was deleted meanwhile is left out. */
export function writeVectors(db: WritableDb, embedding: number, positions: readonly number[], vectors: readonly Float32Array[]): void {
  const insert = db.prepare('INSERT OR IGNORE INTO conversation_vectors (conversation, embedding, vector) SELECT position, ?, ? FROM conversations WHERE position = ?')
  const write = db.transaction(() => positions.forEach((position, i) => insert.run(embedding, Buffer.from(vectors[i]!.buffer, vectors[i]!.byteOffset, vectors[i]!.byteLength), position)))
  write.immediate()
}

/** Vectors of the sample, by position. */
export function readVectors(db: ReadableDb, embedding: number): { positions: number[]; vectors: Float32Array[] } {
  const positions: number[] = []
  const vectors: Float32Array[] = []
  const rows = db.prepare(`SELECT s.position, v.vector FROM ${SAMPLE} s JOIN conversation_vectors v ON v.conversation = s.position AND v.embedding = ? ORDER BY s.position`).raw()
  for (const [position, vector] of rows.iterate(embedding) as Iterable<[number, Buffer]>) {
    positions.push(position)
    vectors.push(new Float32Array(new Uint8Array(vector).buffer))
  }
  return { positions, vectors }
}

/** Takes the place of the map before. */
export function writeMap(db: WritableDb, map: { embedding: number; projection: string; explained: number; madeAt: string }, positions: readonly number[], points: readonly (readonly [number, number])[]): void {
  const write = db.transaction(() => {
    db.exec('DELETE FROM conversation_map_points; DELETE FROM conversation_maps')
    const { lastInsertRowid } = db.prepare('INSERT INTO conversation_maps (embedding, projection, explained, made_at) VALUES (?, ?, ?, ?)').run(map.embedding, map.projection, map.explained, map.madeAt)
    const insert = db.prepare('INSERT INTO conversation_map_points (conversation, map, x, y) SELECT position, ?, ?, ? FROM conversations WHERE position = ?')
    positions.forEach((position, i) => insert.run(lastInsertRowid, points[i]![0], points[i]![1], position))
    tellChanges(db, [])
  })
  write.immediate()
}

type MapRow = { id: number; projection: string; explained: number; madeAt: string } & MapEmbedding

const currentMap = (db: ReadableDb): MapRow | null =>
  (db.prepare('SELECT m.id, m.projection, m.explained, m.made_at AS madeAt, e.kind, e.words, e.folder, e.dimensions FROM conversation_maps m JOIN embeddings e ON e.id = m.embedding ORDER BY m.id DESC LIMIT 1').get() as MapRow | undefined) ?? null

/** Names a map and the conversations that are on it. */
export function mapKey(db: ReadableDb): string | null {
  const map = currentMap(db)
  if (map === null) return null
  const { points, sum } = db.prepare('SELECT count(*) AS points, total(conversation) AS sum FROM conversation_map_points WHERE map = ?').get(map.id) as { points: number; sum: number }
  return `${map.id}:${points}:${sum}`
}

export function describeMap(db: ReadableDb): ConversationMap {
  const map = currentMap(db)
  const conversations = countConversations(db)
  if (map === null) return { key: null, embedding: null, projection: '', explained: 0, points: 0, conversations, waiting: Math.min(conversations, MAP_LIMIT), madeAt: null }
  const { kind, words, folder, dimensions, projection, explained, madeAt } = map
  const key = mapKey(db)
  const waiting = db.prepare(`SELECT count(*) FROM ${SAMPLE} s WHERE NOT EXISTS (SELECT 1 FROM conversation_map_points p WHERE p.conversation = s.position AND p.map = ?)`).pluck().get(map.id) as number
  return { key, embedding: { kind, words, folder, dimensions }, projection, explained, points: Number(key?.split(':')[1] ?? 0), conversations, waiting, madeAt }
}

/** The points by position. */
export function readMapPoints(db: ReadableDb): { positions: Uint32Array; ids: string[]; xy: Float32Array } {
  const rows = db.prepare('SELECT p.conversation, c.id, p.x, p.y FROM conversation_map_points p JOIN conversations c ON c.position = p.conversation WHERE p.map = (SELECT max(id) FROM conversation_maps) ORDER BY p.conversation').raw().all() as [number, string, number, number][]
  return { positions: Uint32Array.from(rows, ([position]) => position), ids: rows.map(([, id]) => id), xy: Float32Array.from(rows.flatMap(([, , x, y]) => [x, y])) }
}
