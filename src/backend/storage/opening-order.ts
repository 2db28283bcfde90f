/**
 * Conversations by their first words. A million are read once, which takes seconds, and their order is kept with the
 * columns; what comes later finds its place among them.
 */
import type { Columns } from '../../core/conversation-columns.ts'
import { sortByKeys } from '../../core/conversation-filter.ts'
import { KEPT_OPENINGS } from './kept-columns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

const SHOWN_CHARACTERS = 180
/** So much of an opening says where it belongs, as UTF-8 in small letters: words of four bytes, sorted from the last to the first. */
const COMPARED_BYTES = 48
const WORDS = COMPARED_BYTES / 4
/** Conversations read at a step. */
const STEP = 20_000
/** More than these are not looked up one by one. */
const MOST_PLACED = 2000
const LARGEST_RANK = 0xffff_ffff

/** What a list shows of a conversation, on one line: how the first message of the user begins, or else of anybody. */
export function openingReader(db: ReadableDb): (position: number) => string {
  // Read in order, so that the texts after it are not.
  const opening = ["AND role = 'user'", ''].map((condition) => db.prepare(`SELECT substr(content, 1, ${2 * SHOWN_CHARACTERS}) FROM messages WHERE conversation = ? ${condition} ORDER BY turn_index LIMIT 1`).pluck())
  return (position) => onOneLine((opening[0]!.get(position) ?? opening[1]!.get(position) ?? '') as string)
}

function onOneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line
}

/** What openings are compared by, zeros behind: UTF-8 is in the order of its characters. */
function comparable(opening: string): Buffer {
  const bytes = Buffer.alloc(COMPARED_BYTES)
  bytes.write(opening.slice(0, COMPARED_BYTES).toLowerCase())
  return bytes
}

export type OpeningOrder = {
  /** Rank of each conversation by its position, equal ones alike. @param firsts id of the first message by position */
  ranks(columns: Columns, firsts: Uint32Array): Uint32Array
  /** Reads what `ranks` would have to, step by step. */
  read(columns: Columns, firsts: Uint32Array): Generator<void, void>
  /** Leaves the order of a large workspace for the next reader. */
  keep(db: WritableDb): void
}

/** @param keptFrom conversations from which on the order is kept */
export function openingOrder(db: ReadableDb, keptFrom: number): OpeningOrder {
  /** Positions in order, and ranks with room between them; `knownFirsts`: 0 where a position has no rank. */
  let order: Uint32Array = new Uint32Array(0)
  let ranks: Uint32Array = new Uint32Array(0)
  let knownFirsts: Uint32Array = new Uint32Array(0)
  let isNew = false
  const kept = db.prepare('SELECT 1 FROM kept_columns WHERE name = ?').pluck()
  const openingOf = openingReader(db)
  const messageAt = db.prepare(`SELECT role, substr(content, 1, ${2 * SHOWN_CHARACTERS}) FROM messages WHERE id = ?`).raw()

  /** A message never changes, so a conversation that begins with the same one stays where it is. */
  const unplaced = ({ alive, end }: Columns, firsts: Uint32Array): number[] => {
    const found: number[] = []
    for (let position = 0; position < end; position++) if (alive[position] === 1 && knownFirsts[position] !== firsts[position]) found.push(position)
    return found
  }
  const readKept = ({ alive, end }: Columns, firsts: Uint32Array): void => {
    const bytes = db.prepare('SELECT bytes FROM kept_columns WHERE name = ?').pluck().get(KEPT_OPENINGS) as Buffer | undefined
    if (bytes === undefined) return
    ranks = new Uint32Array(Math.max(end, bytes.length / 4))
    Buffer.from(ranks.buffer).set(bytes)
    knownFirsts = new Uint32Array(ranks.length)
    const positions = Uint32Array.from(ranks.keys()).filter((position) => ranks[position] !== 0 && alive[position] === 1)
    for (const position of positions) knownFirsts[position] = firsts[position]!
    order = sortByKeys(positions, positions.length, ranks)
  }
  function* readAll({ alive, end }: Columns, firsts: Uint32Array): Generator<void, void> {
    const keys = Array.from({ length: WORDS }, () => new Uint32Array(end))
    for (let position = 0; position < end; position++) {
      if (position % STEP === STEP - 1) yield
      if (alive[position] === 0) continue
      const [role, content] = (messageAt.get(firsts[position]) ?? []) as [role?: string, content?: string]
      const bytes = comparable(role === 'user' ? onOneLine(content!) : openingOf(position))
      for (let word = 0; word < WORDS; word++) keys[word]![position] = bytes.readUInt32BE(4 * word)
    }
    let sorted: Uint32Array = Uint32Array.from(alive.subarray(0, end).keys()).filter((position) => alive[position] === 1)
    for (const word of keys.toReversed()) {
      sorted = sortByKeys(sorted, sorted.length, word)
      yield
    }
    order = sorted
    ranks = new Uint32Array(end)
    knownFirsts = new Uint32Array(end)
    const room = Math.max(1, Math.floor(LARGEST_RANK / (order.length + 1)))
    order.forEach((position, at) => {
      const before = order[at - 1]
      ranks[position] = before !== undefined && keys.every((word) => word[position] === word[before]) ? ranks[before]! : (at + 1) * room
      knownFirsts[position] = firsts[position]!
    })
    isNew = true
  }
  /** False where there are too many, or no room between two ranks. */
  const place = (columns: Columns, firsts: Uint32Array, positions: readonly number[]): boolean => {
    if (positions.length > Math.min(MOST_PLACED, order.length)) return false
    order = order.filter((position) => columns.alive[position] === 1 && knownFirsts[position] === firsts[position])
    ranks = widened(ranks, columns.end)
    knownFirsts = widened(knownFirsts, columns.end)
    const placed = positions.map((position) => {
      const bytes = comparable(openingOf(position))
      let [low, high] = [0, order.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (comparable(openingOf(order[middle]!)).compare(bytes) < 0) low = middle + 1
        else high = middle
      }
      return { at: low, position, bytes }
    })
    placed.sort((a, b) => a.at - b.at || a.bytes.compare(b.bytes))
    const next = new Uint32Array(order.length + placed.length)
    let [written, taken] = [0, 0]
    let last: { rank: number; bytes: Buffer | null } = { rank: 0, bytes: null }
    for (const { at, position, bytes } of placed) {
      while (taken < at) {
        next[written++] = order[taken]!
        last = { rank: ranks[order[taken++]!]!, bytes: null }
      }
      const after = order[at]
      const same = last.bytes?.equals(bytes) === true ? last.rank : after !== undefined && comparable(openingOf(after)).equals(bytes) ? ranks[after]! : null
      const own = same ?? Math.floor((last.rank + (after === undefined ? LARGEST_RANK : ranks[after]!)) / 2)
      if (same === null && own <= last.rank) return false
      next[written++] = position
      ranks[position] = own
      knownFirsts[position] = firsts[position]!
      last = { rank: own, bytes }
    }
    next.set(order.subarray(taken), written)
    order = next
    return true
  }
  function* read(columns: Columns, firsts: Uint32Array): Generator<void, void> {
    if (order.length === 0) readKept(columns, firsts)
    const positions = unplaced(columns, firsts)
    if (positions.length > 0 && !place(columns, firsts, positions)) yield* readAll(columns, firsts.slice())
  }
  return {
    read,
    ranks(columns, firsts) {
      const steps = read(columns, firsts)
      while (steps.next().done !== true);
      return ranks
    },
    keep(writable) {
      if (order.length < keptFrom || (!isNew && kept.get(KEPT_OPENINGS) !== undefined)) return
      // With the columns alone, which are forgotten when a conversation is deleted.
      writable.prepare("INSERT OR REPLACE INTO kept_columns (name, bytes) SELECT ?, ? WHERE EXISTS (SELECT 1 FROM kept_columns WHERE name = 'header')").run(KEPT_OPENINGS, Buffer.from(ranks.buffer))
      isNew = false
    },
  }
}

function widened(numbers: Uint32Array, length: number): Uint32Array {
  if (numbers.length >= length) return numbers
  const wide = new Uint32Array(Math.ceil(length * 1.2))
  wide.set(numbers)
  return wide
}
