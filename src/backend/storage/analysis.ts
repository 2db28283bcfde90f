/** What is known of conversations from reading each once: sketches and groups of near-duplicates, personal data. */
import { groupNearDuplicates } from '../../core/near-duplicate-groups.ts'
import { jaccard, shingles, SKETCH_KEYS } from '../../core/near-duplicates.ts'
import { excerpt } from '../../core/lint/finding.ts'
import type { Analysis, GroupMember, PersonalDataKind } from '../../shared/analysis.ts'
import type { Message } from '../../shared/types.ts'
import { messageReader } from './conversations.ts'
import { tellChanges } from './conversation-changes.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** Conversations of a near-duplicate group that has another member left. */
export const IN_A_GROUP = `SELECT s.conversation FROM conversation_sketches s
  WHERE s.near_group > 0 AND EXISTS (SELECT 1 FROM conversation_sketches o WHERE o.near_group = s.near_group AND o.near_group > 0 AND o.conversation <> s.conversation)`

/** By position how many the near-duplicate group of a conversation holds; 0 where it has none. */
export function nearGroupSizes(db: ReadableDb, end: number): Uint32Array {
  const sizes = new Uint32Array(end)
  const members = db.prepare('SELECT conversation, count(*) OVER (PARTITION BY near_group) FROM conversation_sketches WHERE near_group > 0').raw().iterate() as Iterable<[number, number]>
  for (const [position, size] of members) if (size > 1 && position < end) sizes[position] = size
  return sizes
}

/** What makes conversations alike: everything said in them, whoever said it. */
export const wholeTextOf = (messages: readonly Message[]): string => messages.map(({ content }) => content).join('\n')

export type Reading = { position: number; sketch: Uint32Array; personalData: ReadonlyMap<PersonalDataKind, number> }

/** Conversations that were not read yet, in import order, in pages. */
export function* eachUnread(db: ReadableDb): Generator<{ position: number; messages: Message[] }> {
  const page = db
    .prepare('SELECT position FROM conversations c WHERE position > ? AND NOT EXISTS (SELECT 1 FROM conversation_sketches s WHERE s.conversation = c.position) ORDER BY position LIMIT 1000')
    .pluck()
  const read = messageReader(db)
  for (let after = 0; ; ) {
    const positions = page.all(after) as number[]
    for (const position of positions) yield { position, messages: read(position) }
    const last = positions.at(-1)
    if (last === undefined) return
    after = last
  }
}

export const countUnread = (db: ReadableDb): number => db.prepare('SELECT (SELECT count(*) FROM conversations) - (SELECT count(*) FROM conversation_sketches)').pluck().get() as number

/** In one transaction. One that was deleted meanwhile is left out. */
export function writeReadings(db: WritableDb, readings: readonly Reading[]): void {
  const insert = db.prepare('INSERT OR REPLACE INTO conversation_sketches (conversation, sketch) SELECT position, ? FROM conversations WHERE position = ?')
  const find = db.prepare('INSERT OR REPLACE INTO personal_data (conversation, kind, finds) VALUES (?, ?, ?)')
  const write = db.transaction(() => {
    for (const { position, sketch, personalData } of readings) {
      if (insert.run(Buffer.from(sketch.buffer), position).changes === 0) continue
      for (const [kind, finds] of personalData) find.run(position, kind, finds)
    }
    tellChanges(db, [])
  })
  write.immediate()
}

/** Whether a sketch waits to be compared with the others. */
export const hasUncompared = (db: ReadableDb): boolean => db.prepare('SELECT 1 FROM conversation_sketches WHERE near_group IS NULL LIMIT 1').get() !== undefined

const WRITTEN_AT_ONCE = 5000

/** Groups all sketches anew; yields after each band and each batch written, as a share from 0 to 1. */
export function* compareSketches(db: WritableDb): Generator<number, void> {
  const count = db.prepare('SELECT count(*) FROM conversation_sketches').pluck().get() as number
  const positions = new Float64Array(count)
  const sketches = new Uint32Array(count * SKETCH_KEYS)
  const page = db.prepare('SELECT conversation, sketch, near_group FROM conversation_sketches WHERE conversation > ? ORDER BY conversation LIMIT 5000')
  const before = new Float64Array(count).fill(-1)
  let size = 0
  for (let after = 0; size < count; ) {
    const rows = page.all(after) as { conversation: number; sketch: Buffer; near_group: number | null }[]
    for (const { conversation, sketch, near_group } of rows) {
      if (size === count) break
      positions[size] = conversation
      before[size] = near_group ?? -1
      for (let key = 0; key < SKETCH_KEYS; key++) sketches[size * SKETCH_KEYS + key] = sketch.readUInt32LE(4 * key)
      size += 1
    }
    if (rows.length === 0) break
    after = rows.at(-1)!.conversation
  }
  const read = messageReader(db)
  const steps = groupNearDuplicates(sketches.subarray(0, size * SKETCH_KEYS), (text) => shingles(wholeTextOf(read(positions[text]!))))
  let first: Int32Array
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) {
      first = value
      break
    }
    yield (0.9 * value) / SKETCH_KEYS
  }
  const members = new Int32Array(size)
  for (const one of first) members[one]! += 1
  const update = db.prepare('UPDATE conversation_sketches SET near_group = ? WHERE conversation = ?')
  const write = db.transaction((from: number) => {
    for (let text = from; text < Math.min(size, from + WRITTEN_AT_ONCE); text++) {
      const group = members[first[text]!]! > 1 ? positions[first[text]!]! : 0
      if (group !== before[text]) update.run(group, positions[text])
    }
    tellChanges(db, [])
  })
  for (let from = 0; from < size; from += WRITTEN_AT_ONCE) {
    write.immediate(from)
    yield 0.9 + (0.1 * from) / size
  }
}

/** How far the reading has come, and how many groups it found. */
export function describeAnalysis(db: ReadableDb): Analysis {
  const figures = db
    .prepare(`SELECT count(*) FILTER (WHERE near_group IS NULL) AS uncompared, count(DISTINCT near_group) FILTER (WHERE conversation IN (${IN_A_GROUP})) AS "groups" FROM conversation_sketches`)
    .get() as { uncompared: number; groups: number }
  return { waiting: countUnread(db) + figures.uncompared, groups: figures.groups }
}

const SHOWN_MEMBERS = 100
const OPENING_CHARACTERS = 140

/** The other members of a conversation's group, the most similar first; of a large one the first so many. */
export function groupOf(db: ReadableDb, id: string): { total: number; members: GroupMember[] } {
  const own = db.prepare('SELECT c.position, s.near_group AS "group" FROM conversations c JOIN conversation_sketches s ON s.conversation = c.position WHERE c.id = ? AND s.near_group > 0').get(id) as { position: number; group: number } | undefined
  if (own === undefined) return { total: 0, members: [] }
  const total = db.prepare('SELECT count(*) - 1 FROM conversation_sketches WHERE near_group = ? AND near_group > 0').pluck().get(own.group) as number
  const rows = db
    .prepare(
      `SELECT c.position, c.id, c.source, c.model, c.created_at AS createdAt, c.turns FROM conversation_sketches s JOIN conversations c ON c.position = s.conversation
       WHERE s.near_group = ? AND s.near_group > 0 AND s.conversation <> ? ORDER BY s.conversation LIMIT ${SHOWN_MEMBERS}`,
    )
    .all(own.group, own.position) as (Omit<GroupMember, 'similarity' | 'opening'> & { position: number })[]
  const read = messageReader(db)
  const mine = shingles(wholeTextOf(read(own.position)))
  const members = rows.map(({ position, ...row }): GroupMember => {
    const messages = read(position)
    const opening = (messages.find(({ role }) => role === 'user') ?? messages[0])?.content ?? ''
    return { ...row, opening: excerpt(opening, 0, OPENING_CHARACTERS), similarity: jaccard(mine, shingles(wholeTextOf(messages))) }
  })
  return { total, members: members.sort((a, b) => b.similarity - a.similarity) }
}
