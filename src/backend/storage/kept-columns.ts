/** The columns of a large workspace as they were when they were last read whole: a new reader begins with them and catches up. */
import { z } from 'zod'
import { SET_COLUMNS, type Coded, type Columns } from '../../core/conversation-columns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** `firsts`: id of the first message of each conversation by its position. */
export type KeptColumns = { columns: Columns; firsts: Uint32Array; lastChange: number }

const headerSchema = z.object({ format: z.literal(1), end: z.int().min(0), values: z.record(z.enum(['source', 'model', 'language']), z.array(z.string())), sets: z.record(z.enum(SET_COLUMNS), z.array(z.string())) })
type Header = z.output<typeof headerSchema>
type Numbers = Uint8Array | Uint16Array | Uint32Array

/** Null where none are kept, or by another version of the program. */
export function readKeptColumns(db: ReadableDb): KeptColumns | null {
  const row = db.prepare('SELECT last_change AS lastChange, header, bytes FROM kept_columns').get() as { lastChange: number; header: string; bytes: Buffer } | undefined
  const header = headerSchema.safeParse(row === undefined ? null : JSON.parse(row.header)).data
  if (row === undefined || header === undefined) return null
  const { end, values, sets } = header
  const size = 4 * (4 * end + wordsFor(end) * SET_COLUMNS.reduce((sum, name) => sum + sets[name].length, 0)) + 2 * 6 * end + end
  if (row.bytes.length !== size) return null
  // Views, not copies: wide numbers stand first, so that each array begins where its elements may.
  const { buffer, byteOffset } = row.bytes.byteOffset % 4 === 0 ? row.bytes : new Uint8Array(row.bytes)
  let at = byteOffset
  const next = <Kind extends Numbers>(Kind: { new (buffer: ArrayBufferLike, offset: number, length: number): Kind; BYTES_PER_ELEMENT: number }, length: number): Kind => {
    const view = new Kind(buffer, at, length)
    at += view.byteLength
    return view
  }
  const [firsts, turns, characters, day] = [next(Uint32Array, end), next(Uint32Array, end), next(Uint32Array, end), next(Uint32Array, end)]
  const setsOf = (name: keyof Header['sets']) => new Map(sets[name].map((value) => [value, next(Uint32Array, wordsFor(end))]))
  const [category, tag, near, personal] = [setsOf('category'), setsOf('tag'), setsOf('near'), setsOf('personal')]
  const coded = (name: keyof Header['values']): Coded => ({ codes: next(Uint16Array, end), values: values[name], known: new Map(values[name].flatMap((value, code) => (code === 0 ? [] : [[value, code]]))) })
  const [source, model, language] = [coded('source'), coded('model'), coded('language')]
  const labels = { dissatisfied: next(Uint16Array, end), satisfied: next(Uint16Array, end), neutral: next(Uint16Array, end) }
  const columns: Columns = { end, alive: next(Uint8Array, end), source, model, language, turns, characters, day, labels, category, tag, near, personal }
  return { columns, firsts, lastChange: row.lastChange }
}

/** Takes the place of those kept before. */
export function writeKeptColumns(db: WritableDb, { columns, firsts, lastChange }: KeptColumns): void {
  const { end, source, model, language, labels } = columns
  const header: Header = { format: 1, end, values: { source: source.values, model: model.values, language: language.values }, sets: { category: [...columns.category.keys()], tag: [...columns.tag.keys()], near: [...columns.near.keys()], personal: [...columns.personal.keys()] } }
  const words = wordsFor(end)
  const wide = (bits: Uint32Array): Uint32Array => {
    const all = new Uint32Array(words)
    all.set(bits.subarray(0, words))
    return all
  }
  const sets = SET_COLUMNS.flatMap((name) => [...columns[name].values()].map(wide))
  const whole = (numbers: Numbers): Numbers => numbers.subarray(0, end)
  const arrays = [
    ...[firsts, columns.turns, columns.characters, columns.day].map(whole), ...sets,
    ...[source.codes, model.codes, language.codes, labels.dissatisfied, labels.satisfied, labels.neutral, columns.alive].map(whole),
  ]
  const bytes = Buffer.concat(arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)))
  db.prepare('INSERT OR REPLACE INTO kept_columns (id, last_change, header, bytes) VALUES (1, ?, ?, ?)').run(lastChange, JSON.stringify(header), bytes)
}

const wordsFor = (end: number): number => (end + 31) >>> 5
