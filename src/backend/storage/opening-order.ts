/** Conversations by their first words. A million are read and put in order once, in seconds; what comes later finds its place among them. */
import type { Columns } from '../../core/conversation-columns.ts'
import type { ReadableDb } from './open.ts'

const SHOWN_CHARACTERS = 180
/** So much of an opening says where it belongs. */
const COMPARED_CHARACTERS = 64
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

/** Letters alike, whatever their case. */
const comparable = (opening: string): string => opening.slice(0, COMPARED_CHARACTERS).toLowerCase()

type Entry = { position: number; text: string }
const isBefore = (a: Entry, b: Entry): boolean => a.text < b.text || (a.text === b.text && a.position < b.position)

export type OpeningOrder = {
  /** Rank of each conversation by its position, equal ones alike. @param firsts id of the first message by position */
  ranks(columns: Columns, firsts: Uint32Array): Uint32Array
  /** Reads what `ranks` would have to, step by step. */
  read(columns: Columns, firsts: Uint32Array): Generator<void, void>
}

export function openingOrder(db: ReadableDb): OpeningOrder {
  /** Positions in order, and ranks with room between them; `knownFirsts`: 0 where a position has no rank. */
  let order: Uint32Array = new Uint32Array(0)
  let ranks: Uint32Array = new Uint32Array(0)
  let knownFirsts: Uint32Array = new Uint32Array(0)
  const openingOf = openingReader(db)
  const firstMessages = db.prepare(`SELECT conversation, role, substr(content, 1, ${2 * SHOWN_CHARACTERS}) FROM messages WHERE id >= ? AND id < ? AND turn_index = 0`).raw()

  /** A message never changes, so a conversation that begins with the same one stays where it is. */
  const unplaced = ({ alive, end }: Columns, firsts: Uint32Array): number[] => {
    const found: number[] = []
    for (let position = 0; position < end; position++) if (alive[position] === 1 && knownFirsts[position] !== firsts[position]) found.push(position)
    return found
  }
  const rank = (sorted: readonly Entry[], firsts: Uint32Array, end: number): void => {
    order = Uint32Array.from(sorted, ({ position }) => position)
    ranks = new Uint32Array(end)
    knownFirsts = new Uint32Array(end)
    const room = Math.max(1, Math.floor(LARGEST_RANK / (sorted.length + 1)))
    sorted.forEach(({ position, text }, at) => {
      const before = sorted[at - 1]
      ranks[position] = before?.text === text ? ranks[before.position]! : (at + 1) * room
      knownFirsts[position] = firsts[position]!
    })
  }
  function* readAll({ alive, end }: Columns, firsts: Uint32Array): Generator<void, void> {
    let runs: Entry[][] = []
    for (let from = 0; from < end; from += STEP) {
      const until = from + STEP < end ? firsts[from + STEP]! : Number.MAX_SAFE_INTEGER
      const run: Entry[] = []
      for (const [position, role, content] of firstMessages.iterate(firsts[from], until) as Iterable<[number, string, string]>) {
        if (position < end && alive[position] === 1) run.push({ position, text: comparable(role === 'user' ? onOneLine(content) : openingOf(position)) })
      }
      runs.push(run.sort((a, b) => (isBefore(a, b) ? -1 : 1)))
      yield
    }
    while (runs.length > 1) {
      const merged: Entry[][] = []
      for (let at = 0; at < runs.length; at += 2) {
        merged.push(merge(runs[at]!, runs[at + 1] ?? []))
        yield
      }
      runs = merged
    }
    rank(runs[0] ?? [], firsts, end)
  }
  /** False where there are too many, or no room between two ranks. */
  const place = (columns: Columns, firsts: Uint32Array, positions: readonly number[]): boolean => {
    if (positions.length > Math.min(MOST_PLACED, order.length)) return false
    const isKnown = (position: number): boolean => columns.alive[position] === 1 && knownFirsts[position] === firsts[position]
    order = order.filter(isKnown)
    ;[ranks, knownFirsts] = [ranks, knownFirsts].map((numbers) => (numbers.length >= columns.end ? numbers : widened(numbers, Math.ceil(columns.end * 1.2)))) as [Uint32Array, Uint32Array]
    const placed: { at: number; position: number; text: string }[] = []
    for (const position of positions) {
      const text = comparable(openingOf(position))
      let [low, high] = [0, order.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (comparable(openingOf(order[middle]!)) < text) low = middle + 1
        else high = middle
      }
      placed.push({ at: low, position, text })
    }
    placed.sort((a, b) => a.at - b.at || (a.text < b.text ? -1 : 1))
    const next = new Uint32Array(order.length + placed.length)
    let [written, taken] = [0, 0]
    let last: { rank: number; text: string | null } = { rank: 0, text: null }
    for (const { at, position, text } of placed) {
      while (taken < at) {
        next[written++] = order[taken]!
        last = { rank: ranks[order[taken++]!]!, text: null }
      }
      const after = order[at]
      const same = last.text === text ? last.rank : after !== undefined && comparable(openingOf(after)) === text ? ranks[after]! : null
      const own = same ?? Math.floor((last.rank + (after === undefined ? LARGEST_RANK : ranks[after]!)) / 2)
      if (same === null && own <= last.rank) return false
      next[written++] = position
      ranks[position] = own
      knownFirsts[position] = firsts[position]!
      last = { rank: own, text }
    }
    next.set(order.subarray(taken), written)
    order = next
    return true
  }
  function* read(columns: Columns, firsts: Uint32Array): Generator<void, void> {
    const positions = unplaced(columns, firsts)
    if (positions.length > 0 && !place(columns, firsts, positions)) yield* readAll(columns, firsts.slice())
  }
  return {
    read,
    ranks(columns, firsts) {
      for (const _ of read(columns, firsts));
      return ranks
    },
  }
}

function widened(numbers: Uint32Array, length: number): Uint32Array {
  const wide = new Uint32Array(length)
  wide.set(numbers)
  return wide
}

function merge(a: readonly Entry[], b: readonly Entry[]): Entry[] {
  const all: Entry[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) all.push(isBefore(a[i]!, b[j]!) ? a[i++]! : b[j++]!)
  while (i < a.length) all.push(a[i++]!)
  while (j < b.length) all.push(b[j++]!)
  return all
}
