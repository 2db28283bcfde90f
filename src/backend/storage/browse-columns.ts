/** Fills the columns that facets and lists work on from the database, and keeps them as new as it is. */
import { addJudgement, addMember, makeColumns, removeRow, setRow, type Columns, type ColumnRow } from '../../core/conversation-columns.ts'
import { IN_A_GROUP } from './analysis.ts'
import { readAll, readKeptColumns, writeKeptColumns } from './kept-columns.ts'
import type { ReadableDb, WritableDb } from './open.ts'
import { countedCategoriesOf } from './signals.ts'

export type ConversationColumns = {
  /** As the database stands now. `version` rises whenever they changed. */
  current(): { columns: Columns; version: number }
  /** Id of the first message of each conversation by its position: as positions rise, ids do. */
  firstMessages(): Uint32Array
  /** Leaves them in a large workspace for the next reader, where that would have much to read. @param db the reader's own */
  keep(db: WritableDb): void
}

/** Smaller workspaces are read faster than a person notices. */
export const KEPT_FROM = 50_000
/** Of the conversations: so many are read again before the columns are kept anew. */
const KEPT_ANEW_AFTER = 0.1

/** Columns of a row; the day as 20240309. */
const ROW = `position, source, model, language, turns, characters,
  CAST(coalesce(substr(created_at, 1, 4) || substr(created_at, 6, 2) || substr(created_at, 9, 2), '0') AS INTEGER) AS day, dissatisfied_turns, satisfied_turns, neutral_turns`
type RawRow = [position: number, source: string, model: string | null, language: string | null, turns: number, characters: number, day: number, dissatisfied: number, satisfied: number, neutral: number]

const SIGNALS = `SELECT conversation, probability, decider = 'human', ${countedCategoriesOf('w')} FROM winning_signals w`
type RawSignal = [position: number, probability: number, byPerson: number, categories: string]
function addSignal(columns: Columns, [position, probability, byPerson, categories]: RawSignal): void {
  addJudgement(columns, position, probability, byPerson === 1)
  if (categories !== '[]') for (const category of JSON.parse(categories) as string[]) addMember(columns.category, category, position)
}

/** What conversations are marked with: value and conversation. */
const MARKS = [
  ['tag', 'SELECT tag, conversation FROM conversation_tags'],
  ['near', `SELECT 'yes', conversation FROM (${IN_A_GROUP})`],
  ['personal', 'SELECT kind, conversation FROM personal_data'],
] as const

const toRow = ([position, source, model, language, turns, characters, day, dissatisfied, satisfied, neutral]: RawRow): ColumnRow => ({ position, source, model, language, turns, characters, day, dissatisfied, satisfied, neutral })

/**
 * @param options keptFrom: conversations from which on columns are kept.
 * forOneQuery: nothing of it is used outside the transaction of its first use; it reads no more columns than are asked for.
 */
export function conversationColumns(db: ReadableDb, { keptFrom = KEPT_FROM, forOneQuery = false } = {}): ConversationColumns {
  let columns: Columns | null = null
  let firsts: Uint32Array = new Uint32Array(0)
  let firstsUntil = 0
  let version = 0
  let lastChange = 0
  /** Conversations read since columns were kept. */
  let unkept = 0
  let dataVersion: unknown

  const rowOf = db.prepare(`SELECT ${ROW} FROM conversations WHERE position = ?`).raw()
  const signalsOf = db.prepare(`${SIGNALS} WHERE conversation = ?`).raw()
  const firstOf = db.prepare('SELECT id FROM messages WHERE conversation = ? AND turn_index = 0').pluck()
  const marks = MARKS.map(([name, query]) => [name, db.prepare(query).raw()] as const)
  const marksOf = MARKS.map(([name, query]) => [name, db.prepare(`${query} WHERE conversation = ?`).pluck()] as const)
  const newest = db.prepare('SELECT coalesce(max(id), 0) FROM conversation_changes').pluck()

  const newestPosition = (): number => db.prepare('SELECT coalesce(max(position), 0) FROM conversations').pluck().get() as number

  const load = (): Columns => {
    lastChange = newest.get() as number
    const made = makeColumns(newestPosition() + 1)
    for (const row of db.prepare(`SELECT ${ROW} FROM conversations INDEXED BY conversations_by_facet`).raw().iterate() as Iterable<RawRow>) setRow(made, toRow(row))
    for (const signal of db.prepare(SIGNALS).raw().iterate() as Iterable<RawSignal>) addSignal(made, signal)
    loadMarks(made)
    unkept = made.end
    return made
  }
  const begin = (): Columns | null => {
    const kept = readKeptColumns(db)
    if (kept === null) return null
    ;({ firsts, lastChange } = kept)
    firstsUntil = kept.columns.end
    return kept.columns
  }
  /** What changes on any number of conversations at once. */
  const loadMarks = (into: Columns): void => {
    for (const [name, pairs] of marks) {
      into[name].clear()
      for (const [value, position] of pairs.iterate() as Iterable<[string, number]>) addMember(into[name], value, position)
    }
  }
  /** False where changes are forgotten that would have to be known. */
  const catchUp = (known: Columns): boolean => {
    const oldest = db.prepare('SELECT coalesce(min(id), 0) FROM conversation_changes').pluck().get() as number
    if (oldest > lastChange + 1) return false
    const changes = db.prepare('SELECT id, conversation FROM conversation_changes WHERE id > ? ORDER BY id').all(lastChange) as { id: number; conversation: number | null }[]
    const added = db.prepare('SELECT position FROM conversations WHERE position >= ?').pluck().all(known.end) as number[]
    for (const position of new Set([...changes.flatMap(({ conversation }) => conversation ?? []), ...added])) readAgain(known, position)
    // The highest positions are given again once they are free.
    while (known.end > 0 && known.alive[known.end - 1] === 0) known.end -= 1
    firstsUntil = Math.min(firstsUntil, known.end)
    if (changes.some(({ conversation }) => conversation === null)) loadMarks(known)
    lastChange = changes.at(-1)?.id ?? lastChange
    if (changes.length + added.length > 0) version += 1
    unkept += changes.length + added.length
    return true
  }
  const readAgain = (known: Columns, position: number): void => {
    const row = rowOf.get(position) as RawRow | undefined
    if (position < known.end) removeRow(known, position)
    // A position may have come to another conversation since.
    const first = firstOf.get(position) as number | undefined
    if (first !== firsts[position]) firstsUntil = Math.min(firstsUntil, position)
    if (row === undefined) return
    setRow(known, toRow(row))
    for (const signal of signalsOf.all(position) as RawSignal[]) addSignal(known, signal)
    for (const [name, values] of marksOf) for (const value of values.all(position) as string[]) addMember(known[name], value, position)
  }
  const areOld = ({ end }: Columns): boolean => unkept >= KEPT_ANEW_AFTER * end
  const refresh = db.transaction((): void => {
    const known = columns ?? begin()
    if (known !== null && catchUp(known)) {
      if (columns === null) version += 1
      if (!forOneQuery || areOld(known)) readAll(known)
      columns = known
      return
    }
    columns = load()
    firstsUntil = 0
    version += 1
  })

  const firstMessages = (): Uint32Array => {
    const { end } = columns ?? { end: 0 }
    if (firstsUntil >= end) return firsts
    if (firsts.length < end) {
      const wide = new Uint32Array(Math.ceil(end * 1.2))
      wide.set(firsts)
      firsts = wide
    }
    firsts.fill(0, firstsUntil, end)
    for (const [position, id] of db.prepare('SELECT conversation, id FROM messages WHERE conversation >= ? AND turn_index = 0').raw().iterate(firstsUntil) as Iterable<[number, number]>) firsts[position] = id
    // Where no conversation stands, the next one's: ids never fall from one position to the next.
    for (let position = end - 1; position >= firstsUntil; position--) if (firsts[position] === 0) firsts[position] = position + 1 < end ? firsts[position + 1]! : 0xffff_ffff
    firstsUntil = end
    return firsts
  }

  return {
    current() {
      const now = db.pragma('data_version', { simple: true })
      // This connection's own writes leave its data_version as it is.
      if (columns === null || now !== dataVersion || (newest.get() as number) !== lastChange || newestPosition() >= columns.end) refresh()
      dataVersion = now
      return { columns: columns!, version }
    },
    firstMessages,
    keep(writable) {
      if (columns === null || columns.end < keptFrom || !areOld(columns) || writable.pragma('query_only', { simple: true }) === 1) return
      const write = writable.transaction(() => {
        // Under the write lock as the database stands: nothing is kept of a conversation that was deleted meanwhile.
        refresh()
        writeKeptColumns(writable, { columns: columns!, firsts: firstMessages(), lastChange })
        unkept = 0
      })
      write.immediate()
    },
  }
}
