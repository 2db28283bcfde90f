/**
 * What is typed into a search: words, and fields such as `model:gpt-4* turns:6.. date:2024-03..`. The command line
 * and the page read it here, and print filters as it takes them.
 */
import { UsageError } from '../shared/errors.ts'
import type { ConversationFilter } from '../shared/browse.ts'
import { FACETS, type FacetName } from '../shared/facets.ts'
import { nearestKey } from '../shared/key-names.ts'

/** Fields as they were typed, ranges in their one way of writing. */
export type SearchFields = Partial<Record<FacetName, string>>

/** A field is letters and a colon right before its value; `error: none`, `10:30`, `https://` and `std::map` are words. */
const FIELD = /(?<=^|\s)([a-z]{2,}):(?:"([^"]*)"|(?![/:])([^\s"]+))/giu

/**
 * @throws UsageError at an unknown field, or a value that its field does not take
 */
export function parseSearch(typed: string): { words: string; fields: SearchFields } {
  const fields: SearchFields = {}
  // What stands in quotes is a phrase, colons and all.
  const words = typed.split(/((?<=^|\s)"[^"]*"?)/).map((part) => {
    if (part.startsWith('"')) return part
    return part.replace(FIELD, (whole, name: string, quoted: string | undefined, bare: string | undefined) => {
      const field = FACETS.find((known) => known === name.toLowerCase())
      if (field === undefined) throw new UsageError(`search: expected a field among ${FACETS.join(', ')}, got "${name}" (nearest: ${nearestKey(name, FACETS)}). To search for these words, put them in quotes: "${whole}"`)
      fields[field] = tidyValue(field, (quoted ?? bare ?? '').trim())
      return ' '
    })
  })
  return { words: words.join('').replace(/\s+/g, ' ').trim(), fields }
}

/** The value as it stands in chips, addresses and facets. */
export function tidyValue(field: FacetName, value: string): string {
  if (field === 'turns' || field === 'length') {
    const { least, most } = parseNumbers(field, value)
    return writeRange(least?.toString(), most?.toString())
  }
  if (field === 'date') {
    const { from, to } = parseDates(value)
    return writeRange(from, to)
  }
  if (field === 'signal' && !isLabel(value)) throw new UsageError(`search: signal: expected dissatisfied, satisfied or neutral, got "${value}"`)
  if (value === '') throw new UsageError(`search: ${field}: expected a value, got none`)
  return value
}

/** The filter of tidy fields and words. */
export function filterOf({ turns, length, date, signal, ...texts }: SearchFields, words: string): ConversationFilter {
  const filter: ConversationFilter = { ...texts }
  if (words.trim() !== '') filter.query = words.trim()
  if (signal !== undefined && isLabel(signal)) filter.signal = signal
  const set = <Key extends keyof ConversationFilter>(key: Key, value: ConversationFilter[Key]): void => {
    if (value !== undefined) filter[key] = value
  }
  if (turns !== undefined) {
    const { least, most } = parseNumbers('turns', turns)
    set('minTurns', least)
    set('maxTurns', most)
  }
  if (length !== undefined) {
    const { least, most } = parseNumbers('length', length)
    set('minCharacters', least)
    set('maxCharacters', most)
  }
  if (date !== undefined) {
    const { from, to } = parseDates(date)
    set('from', from)
    set('to', to)
  }
  return filter
}

/** Fields as they would be typed. */
export function printFields(fields: SearchFields): string {
  return FACETS.flatMap((name) => {
    const value = fields[name]
    return value === undefined ? [] : [`${name}:${/\s/.test(value) ? `"${value}"` : value}`]
  }).join(' ')
}

const isLabel = (value: string): value is NonNullable<ConversationFilter['signal']> => value === 'dissatisfied' || value === 'satisfied' || value === 'neutral'
const writeRange = (first: string | undefined, last: string | undefined): string => (first === last ? (first ?? '') : `${first ?? ''}..${last ?? ''}`)

/** `6`, `3..4`, `3-4`, `6..`, `..6`, `6+`, `>6`, `>=6`, `<6`, `<=6`. */
function parseNumbers(field: string, value: string): { least?: number; most?: number } {
  const [, sign, bound] = /^(>=|<=|>|<)(\d+)$/.exec(value) ?? []
  if (sign !== undefined) {
    const number = Number(bound)
    return sign === '>' ? { least: number + 1 } : sign === '>=' ? { least: number } : sign === '<' ? { most: number - 1 } : { most: number }
  }
  const [, first, open, last] = /^(\d*)(?:(\.\.|[-–+])(\d*))?$/.exec(value) ?? []
  if (first === undefined || (first === '' && !last) || (open === '+' && last)) throw new UsageError(`search: ${field}: expected a number or a range such as 6, 3..4, 6.. or >6, got "${value}"`)
  if (open === undefined) return { least: Number(first), most: Number(first) }
  return { ...(first !== '' && { least: Number(first) }), ...(last && { most: Number(last) }) }
}

/** `2024`, `2024-03`, `2024-03..2024-06`, `2024-03..`, `..2024`. */
function parseDates(value: string): { from?: string; to?: string } {
  const day = '\\d{4}(?:-\\d{2}(?:-\\d{2})?)?'
  const [, first, open, last] = new RegExp(`^(${day})?(\\.\\.)?(${day})?$`).exec(value) ?? []
  if ((first === undefined && last === undefined) || (open === undefined && last !== undefined)) throw new UsageError(`search: date: expected a year, month, day or a range such as 2024, 2024-03.. or 2024-03..2024-06-15, got "${value}"`)
  if (open === undefined) return { from: first!, to: first! }
  return { ...(first && { from: first }), ...(last && { to: last }) }
}
