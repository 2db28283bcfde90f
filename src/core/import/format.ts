import type { Conversation, Message, SignalLabel } from '../../shared/types.ts'

/** One parsed JSON object of a file. */
export type Row = Readonly<Record<string, unknown>>

/** A label that came with the data. */
export type ImportedLabel = {
  /** Index in `messages` of the user message that reacts. */
  turnIndex: number
  label: SignalLabel
  /** That the user was dissatisfied. */
  probability: number
  categories: string[]
  /** 1 to 5, one per annotator, where the data has them. */
  ratings: number[] | null
}

/** A conversation before it has an id; `source` is null where the row names none. */
export type ConversationDraft = Omit<Conversation, 'id' | 'source'> & { source: string | null; labels: ImportedLabel[]; /** Of people; absent where there are none. */ tags?: string[]; /** What else of its rows cannot be read; each is set aside. */ problems?: string[] }

/** What a row, or several that belong together, gave. */
export type ConversationDrafts = [ConversationDraft, ...ConversationDraft[]]

/** One way of writing conversations down. Most take a row each; `startsNew` marks those that spread one over rows. */
export type ImportFormat = {
  name: string
  /** What is read of columnar files; `a.b` is the field b of what the column a holds. Absent: everything. */
  columns?: readonly string[]
  /** Cheap: looks at keys only. Formats are asked in order. */
  recognizes(row: Row): boolean
  /** True where a row does not belong with those from `first` on; absent where every row stands alone. */
  startsNew?(row: Row, first: Row): boolean
  /** Mostly one conversation; a tree gives several. Throws `RowProblem` with the reason. */
  read(rows: readonly [Row, ...Row[]]): ConversationDrafts
}

/** Why a row cannot be imported; it is quarantined with this reason. */
export class RowProblem extends Error {
  override readonly name: string = 'RowProblem'
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** SQLite reads JSON of up to 1,000 levels; nobody's metadata or tool call needs a tenth of it. */
export const MAX_DEPTH = 100

export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1))
}

/** What stands in for a value in a reason: its kind, never its whole text. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/**
 * The text whose hash is a conversation's identity: roles and contents, and the better reply of a preference row,
 * so that two better replies to one rejected reply stay two conversations.
 */
export function identityText(messages: readonly Message[], metadata: Readonly<Record<string, unknown>>): string {
  const parts: string[] = []
  for (const message of messages) parts.push(message.role, message.content)
  if (typeof metadata['chosen'] === 'string') parts.push('chosen', metadata['chosen'])
  return JSON.stringify(parts)
}
