/** The columns of a large workspace as they were when they were last read whole: a new reader begins with them and catches up. */
import { z } from 'zod'
import { CODED_COLUMNS, JUDGED_COLUMNS, LABEL_COLUMNS, NUMBER_COLUMNS, SET_COLUMNS, type Coded, type Columns, type Sets } from '../../core/conversation-columns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** `firsts`: id of the first message of each conversation by its position. */
export type KeptColumns = { columns: Columns; firsts: Uint32Array; lastChange: number }

/** Row of the order by first words (`opening-order.ts`): it holds as long as no conversation is deleted, and those forget all rows. */
export const KEPT_OPENINGS = 'openings'
/** A row of `kept_columns` each, beside the header. */
type ArrayName = 'firsts' | 'alive' | (typeof CODED_COLUMNS)[number] | (typeof LABEL_COLUMNS)[number] | (typeof JUDGED_COLUMNS)[number] | (typeof NUMBER_COLUMNS)[number] | (typeof SET_COLUMNS)[number]

const headerSchema = z.object({ format: z.literal(4), end: z.int().min(0), lastChange: z.int().min(0), values: z.record(z.enum(CODED_COLUMNS), z.array(z.string())), sets: z.record(z.enum(SET_COLUMNS), z.array(z.string())) })
type Header = z.output<typeof headerSchema>
type Numbers = Uint8Array | Uint16Array | Uint32Array

/**
 * Null where none are kept, or by another version of the program. Each array is read when it is first asked for, which
 * has to be in the transaction that this is called in: `readAll` does so for whoever keeps them longer.
 */
export function readKeptColumns(db: ReadableDb): KeptColumns | null {
  const bytesOf = db.prepare('SELECT bytes FROM kept_columns WHERE name = ?').pluck()
  const json = bytesOf.get('header') as Buffer | undefined
  const header = headerSchema.safeParse(json === undefined ? null : JSON.parse(json.toString())).data
  if (header === undefined) return null
  const { end, values, sets } = header
  const read = <Kind extends Numbers>(Kind: { new (buffer: ArrayBufferLike, offset: number, length: number): Kind; BYTES_PER_ELEMENT: number }, name: ArrayName): Kind => {
    const bytes = bytesOf.get(name) as Buffer
    const { buffer, byteOffset, byteLength } = bytes.byteOffset % Kind.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
    return new Kind(buffer, byteOffset, byteLength / Kind.BYTES_PER_ELEMENT)
  }
  const coded = (name: (typeof CODED_COLUMNS)[number]): Coded => ({ codes: read(Uint16Array, name), values: values[name], known: new Map(values[name].flatMap((value, code) => (code === 0 ? [] : [[value, code]]))) })
  const setsOf = (name: (typeof SET_COLUMNS)[number]): Sets => {
    const [all, words] = [read(Uint32Array, name), wordsFor(end)]
    return new Map(sets[name].map((value, at) => [value, all.subarray(at * words, (at + 1) * words)]))
  }
  const columns = { end, alive: read(Uint8Array, 'alive'), labels: {} } as Columns
  for (const name of CODED_COLUMNS) readLater(columns, name, () => coded(name))
  for (const name of NUMBER_COLUMNS) readLater(columns, name, () => read(Uint32Array, name))
  for (const name of LABEL_COLUMNS) readLater(columns.labels, name, () => read(Uint16Array, name))
  for (const name of JUDGED_COLUMNS) readLater(columns, name, () => read(Uint16Array, name))
  for (const name of SET_COLUMNS) readLater(columns, name, () => setsOf(name))
  return { columns, firsts: read(Uint32Array, 'firsts'), lastChange: header.lastChange }
}

/** A property that is read when it is first asked for, and stays what it is given from then on. */
function readLater<Target extends object, Key extends keyof Target>(target: Target, key: Key, read: () => Target[Key]): void {
  const keep = (value: Target[Key]): Target[Key] => (Object.defineProperty(target, key, { value, writable: true, enumerable: true }), value)
  Object.defineProperty(target, key, { configurable: true, enumerable: true, get: () => keep(read()), set: keep })
}

export function readAll({ labels, ...columns }: Columns): unknown {
  return [Object.values(columns), Object.values(labels)]
}

/** Takes the place of those kept before. */
export function writeKeptColumns(db: WritableDb, { columns, firsts, lastChange }: KeptColumns): void {
  const { end, labels } = columns
  const header: Header = { format: 4, end, lastChange, values: { source: columns.source.values, model: columns.model.values, language: columns.language.values }, sets: { category: [...columns.category.keys()], tag: [...columns.tag.keys()], near: [...columns.near.keys()], personal: [...columns.personal.keys()] } }
  const words = wordsFor(end)
  const insert = db.prepare('INSERT INTO kept_columns (name, bytes) VALUES (?, ?)')
  const write = (name: ArrayName, numbers: Numbers): void => void insert.run(name, Buffer.from(numbers.buffer, numbers.byteOffset, end * numbers.BYTES_PER_ELEMENT))
  db.prepare('DELETE FROM kept_columns WHERE name <> ?').run(KEPT_OPENINGS)
  insert.run('header', Buffer.from(JSON.stringify(header)))
  write('firsts', firsts)
  write('alive', columns.alive)
  for (const name of CODED_COLUMNS) write(name, columns[name].codes)
  for (const name of NUMBER_COLUMNS) write(name, columns[name])
  for (const name of LABEL_COLUMNS) write(name, labels[name])
  for (const name of JUDGED_COLUMNS) write(name, columns[name])
  for (const name of SET_COLUMNS) {
    const all = new Uint32Array(words * columns[name].size)
    ;[...columns[name].values()].forEach((bits, at) => all.set(bits.subarray(0, words), at * words))
    insert.run(name, Buffer.from(all.buffer))
  }
}

const wordsFor = (end: number): number => (end + 31) >>> 5
