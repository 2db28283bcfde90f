/**
 * What facets count and lists sort by, in memory: one typed array a column, indexed by a conversation's position, so
 * that a filter over a million conversations is a pass over bytes. Knows neither texts nor where rows come from.
 */
import type { SignalLabel } from '../shared/types.ts'

/** Texts as small numbers; 0 stands for none. */
export type Coded = { codes: Uint16Array; values: string[]; known: Map<string, number> }
/** For each value the conversations that have it, a bit each. */
export type Sets = Map<string, Uint32Array>

export type Columns = {
  /** Positions run from 0 to here; those of no conversation are not alive. */
  end: number
  alive: Uint8Array
  source: Coded
  model: Coded
  language: Coded
  turns: Uint32Array
  characters: Uint32Array
  /** 20240309 for March 9th 2024; 0 for none. */
  day: Uint32Array
  labels: Record<SignalLabel, Uint16Array>
  /** Highest probability of dissatisfaction, from 1 to 65,535; 0 where no turn is judged. */
  probability: Uint16Array
  /** Turns that a person labelled. */
  reviewed: Uint16Array
  category: Sets
  tag: Sets
  near: Sets
  personal: Sets
}

export const CODED_COLUMNS = ['source', 'model', 'language'] as const
export const NUMBER_COLUMNS = ['turns', 'characters', 'day'] as const
export const LABEL_COLUMNS = ['dissatisfied', 'satisfied', 'neutral'] as const satisfies readonly SignalLabel[]
export const JUDGED_COLUMNS = ['probability', 'reviewed'] as const
export const SET_COLUMNS = ['category', 'tag', 'near', 'personal'] as const

export type ColumnRow = { position: number; source: string; model: string | null; language: string | null; turns: number; characters: number; day: number; dissatisfied: number; satisfied: number; neutral: number }

const LARGEST_CODE = 65_535

export function makeColumns(capacity: number): Columns {
  const coded = (): Coded => ({ codes: new Uint16Array(capacity), values: [''], known: new Map() })
  return {
    end: 0,
    alive: new Uint8Array(capacity),
    source: coded(), model: coded(), language: coded(),
    turns: new Uint32Array(capacity), characters: new Uint32Array(capacity), day: new Uint32Array(capacity),
    labels: { dissatisfied: new Uint16Array(capacity), satisfied: new Uint16Array(capacity), neutral: new Uint16Array(capacity) },
    probability: new Uint16Array(capacity), reviewed: new Uint16Array(capacity),
    category: new Map(), tag: new Map(), near: new Map(), personal: new Map(),
  }
}

/** Writes a conversation's row; what it has several of, and what its signals say, is set apart. */
export function setRow(columns: Columns, row: ColumnRow): void {
  const { position } = row
  if (position >= columns.alive.length) grow(columns, position + 1)
  columns.end = Math.max(columns.end, position + 1)
  columns.alive[position] = 1
  columns.source.codes[position] = codeOf(columns.source, row.source)
  columns.model.codes[position] = codeOf(columns.model, row.model)
  columns.language.codes[position] = codeOf(columns.language, row.language)
  columns.turns[position] = row.turns
  columns.characters[position] = row.characters
  columns.day[position] = row.day
  columns.labels.dissatisfied[position] = row.dissatisfied
  columns.labels.satisfied[position] = row.satisfied
  columns.labels.neutral[position] = row.neutral
}

export function removeRow(columns: Columns, position: number): void {
  columns.alive[position] = 0
  for (const name of JUDGED_COLUMNS) columns[name][position] = 0
  for (const name of SET_COLUMNS) clearMember(columns[name], position)
}

function codeOf(column: Coded, value: string | null): number {
  if (value === null) return 0
  const known = column.known.get(value)
  if (known !== undefined) return known
  const code = column.values.length
  if (code > LARGEST_CODE) throw new Error(`conversations: expected at most ${LARGEST_CODE} different sources, models or languages, got one more: "${value.slice(0, 60)}". Import the log with a column that names fewer of them`)
  column.values.push(value)
  column.known.set(value, code)
  return code
}

function grow(columns: Columns, needed: number): void {
  const capacity = Math.max(1024, needed, Math.floor(columns.alive.length * 1.5))
  const wider = <Numbers extends Uint8Array | Uint16Array | Uint32Array>(old: Numbers): Numbers => {
    const wide = new (old.constructor as new (length: number) => Numbers)(capacity)
    wide.set(old)
    return wide
  }
  columns.alive = wider(columns.alive)
  for (const name of CODED_COLUMNS) columns[name].codes = wider(columns[name].codes)
  for (const name of NUMBER_COLUMNS) columns[name] = wider(columns[name])
  for (const label of LABEL_COLUMNS) columns.labels[label] = wider(columns.labels[label])
  for (const name of JUDGED_COLUMNS) columns[name] = wider(columns[name])
}

/** Takes the winning signal of one turn into the conversation's figures. @param probability of dissatisfaction, from 0 to 1 */
export function addJudgement(columns: Columns, position: number, probability: number, byPerson: boolean): void {
  columns.probability[position] = Math.max(columns.probability[position]!, 1 + Math.round(probability * 65_534))
  if (byPerson) columns.reviewed[position]! += 1
}

export function addMember(sets: Sets, value: string, position: number): void {
  const word = position >>> 5
  let bits = sets.get(value)
  if (bits === undefined || word >= bits.length) {
    const wide = new Uint32Array(Math.max(1024, word + 1, Math.ceil((bits?.length ?? 0) * 1.5)))
    if (bits !== undefined) wide.set(bits)
    sets.set(value, (bits = wide))
  }
  bits[word]! |= 1 << (position & 31)
}

export function removeMember(sets: Sets, value: string, position: number): void {
  const bits = sets.get(value)
  if (bits !== undefined && position >>> 5 < bits.length) bits[position >>> 5]! &= ~(1 << (position & 31))
}

export function clearMember(sets: Sets, position: number): void {
  for (const value of sets.keys()) removeMember(sets, value, position)
}

/** Calls back with each member below `end`, ascending. */
export function eachMember(bits: Uint32Array, end: number, told: (position: number) => void): void {
  for (let word = 0; word < Math.min(bits.length, (end + 31) >>> 5); word++) {
    for (let left = bits[word]!; left !== 0; left &= left - 1) {
      const position = 32 * word + 31 - Math.clz32(left & -left)
      if (position < end) told(position)
    }
  }
}

export const isMember = (bits: Uint32Array, position: number): boolean => ((bits[position >>> 5] ?? 0) & (1 << (position & 31))) !== 0
