/** The columns of a large workspace as they were when they were last read whole: a new reader begins with them and catches up. */
import { z } from 'zod'
import { SET_COLUMNS, type Coded, type Columns } from '../../core/conversation-columns.ts'
import type { ReadableDb, WritableDb } from './open.ts'

/** `firsts`: id of the first message of each conversation by its position. */
export type KeptColumns = { columns: Columns; firsts: Uint32Array; lastChange: number }

const headerSchema = z.object({ format: z.literal(1), end: z.int().min(0), values: z.record(z.enum(['source', 'model', 'language']), z.array(z.string())), sets: z.record(z.enum(SET_COLUMNS), z.array(z.string())) })
type Header = z.output<typeof headerSchema>
type Numbers = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>

/** Null where none are kept, or by another version of the program. */
export function readKeptColumns(db: ReadableDb): KeptColumns | null {
  const row = db.prepare('SELECT last_change AS lastChange, header, bytes FROM kept_columns').get() as { lastChange: number; header: string; bytes: Buffer } | undefined
  const header = headerSchema.safeParse(row === undefined ? null : JSON.parse(row.header)).data
  if (row === undefined || header === undefined) return null
  const { end, values, sets } = header
  let at = 0
  const next = <Kind extends Numbers>(Kind: { new (buffer: ArrayBuffer): Kind; BYTES_PER_ELEMENT: number }, length: number): Kind => {
    const bytes = row.bytes.subarray(at, (at += length * Kind.BYTES_PER_ELEMENT))
    // Copied: a view has to begin at a multiple of its element's size.
    return new Kind(new Uint8Array(bytes).buffer)
  }
  const coded = (name: keyof Header['values']): Coded => ({ codes: next(Uint16Array, end), values: values[name], known: new Map(values[name].flatMap((value, code) => (code === 0 ? [] : [[value, code]]))) })
  const setsOf = (name: keyof Header['sets']) => new Map(sets[name].map((value) => [value, next(Uint32Array, wordsFor(end))]))
  const [u16, u32] = [() => next(Uint16Array, end), () => next(Uint32Array, end)]
  const columns: Columns = {
    end, alive: next(Uint8Array, end),
    source: coded('source'), model: coded('model'), language: coded('language'),
    turns: u32(), characters: u32(), day: u32(),
    labels: { dissatisfied: u16(), satisfied: u16(), neutral: u16() },
    category: setsOf('category'), tag: setsOf('tag'), near: setsOf('near'), personal: setsOf('personal'),
  }
  const firsts = u32()
  return at === row.bytes.length ? { columns, firsts, lastChange: row.lastChange } : null
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
  const arrays = [
    columns.alive, source.codes, model.codes, language.codes, columns.turns, columns.characters, columns.day,
    labels.dissatisfied, labels.satisfied, labels.neutral,
  ].map((numbers) => numbers.subarray(0, end))
  const sets = SET_COLUMNS.flatMap((name) => [...columns[name].values()].map(wide))
  const bytes = Buffer.concat([...arrays, ...sets, firsts.subarray(0, end)].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)))
  db.prepare('INSERT OR REPLACE INTO kept_columns (id, last_change, header, bytes) VALUES (1, ?, ?, ?)').run(lastChange, JSON.stringify(header), bytes)
}

const wordsFor = (end: number): number => (end + 31) >>> 5
