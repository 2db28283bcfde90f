/** Messages, labels and the small fields around them, as the formats share them. */
import type { Message, Role, SignalLabel } from '../../shared/types.ts'
import { describe, isDeeperThan, isRow, MAX_DEPTH, RowProblem, type ImportedLabel, type Row } from './format.ts'
import { unfoldJson } from './raw-rows.ts'

const ROLES: Readonly<Record<string, Role>> = {
  system: 'system', developer: 'system',
  user: 'user', human: 'user', prompter: 'user',
  assistant: 'assistant', gpt: 'assistant', chatgpt: 'assistant', bing: 'assistant', bard: 'assistant', model: 'assistant', bot: 'assistant', agent: 'assistant', function_call: 'assistant',
  tool: 'tool', function: 'tool', observation: 'tool',
}

/**
 * A list of messages whose role and text stand under `roleKey` and `textKey`. Keeps consecutive messages of one
 * role and empty contents as they are.
 */
export function readMessages(value: unknown, where: string, roleKey = 'role', textKey = 'content'): Message[] {
  if (!Array.isArray(value)) throw new RowProblem(`${where}: expected a list of messages, got ${describe(value)}`)
  if (value.length === 0) throw new RowProblem(`${where}: expected messages, got an empty list`)
  const messages: Message[] = []
  for (let i = 0; i < value.length; i++) {
    const message: unknown = value[i]
    if (!isRow(message)) throw new RowProblem(`${where}[${i}]: expected an object with ${roleKey} and ${textKey}, got ${describe(message)}`)
    messages.push({ role: readRole(message[roleKey], `${where}[${i}].${roleKey}`), content: readContent(message, textKey, `${where}[${i}].${textKey}`) })
  }
  return messages
}

export function readRole(value: unknown, where: string): Role {
  const name = typeof value === 'string' ? value.toLowerCase() : ''
  // Not `constructor` and what else every object has.
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined
  if (role === undefined) throw new RowProblem(`${where}: expected system, user, assistant or tool, got ${describe(value)}`)
  return role
}

/** What is said, then what tools are called, one call after the other. */
function readContent(message: Row, key: string, where: string): string {
  const calls = callsOf(message)
  const text = readText(message, key, where)
  if (calls.length === 0) return text
  return [...(text === '' ? [] : [text]), ...calls.map((call) => callText(call, where))].join('\n')
}

const NO_CALLS: readonly unknown[] = []

function callsOf({ tool_calls: calls, function_call: call }: Row): readonly unknown[] {
  if (Array.isArray(calls) && calls.length > 0) return calls
  return isRow(call) ? [call] : NO_CALLS
}

/** As Qwen's and Hermes' chat templates write a call, so that a model reads what it would have written. */
function callText(call: unknown, where: string): string {
  const called = isRow(call) && isRow(call['function']) ? call['function'] : call
  const { name, arguments: given } = isRow(called) ? called : {}
  const said = typeof name === 'string' ? { name, arguments: unfoldJson(given) ?? {} } : call
  if (isDeeperThan(said, MAX_DEPTH)) throw new RowProblem(`${where}: expected a tool call of at most ${MAX_DEPTH} levels of nesting, got more`)
  return `<tool_call>\n${JSON.stringify(said)}\n</tool_call>`
}

/** Who a message is by and which call it answers, by the message's index: there is no place for it in the message. */
export function readMessageFields(messages: unknown): { message_fields?: Record<string, unknown> } {
  if (!Array.isArray(messages)) return {}
  const fields = messages.flatMap((message: unknown, i): [number, Row][] => {
    if (!isRow(message)) return []
    const ids = callsOf(message).flatMap((call) => (isRow(call) && typeof call['id'] === 'string' ? [call['id']] : []))
    const kept = [...['name', 'tool_call_id'].map((key) => [key, message[key]] as const).filter(([, value]) => typeof value === 'string' && value !== ''), ...(ids.length > 0 ? [['tool_call_ids', ids] as const] : [])]
    return kept.length > 0 ? [[i, Object.fromEntries(kept)]] : []
  })
  return fields.length > 0 ? { message_fields: Object.fromEntries(fields) } : {}
}

/** Text, or a list of parts (text is joined, another part leaves its type in brackets), or null beside a tool call. */
function readText(message: Row, key: string, where: string): string {
  const content = message[key]
  if (typeof content === 'string') return content
  if (Array.isArray(content)) {
    return content.map((part: unknown, i) => {
      if (typeof part === 'string') return part
      if (!isRow(part)) throw new RowProblem(`${where}[${i}]: expected a part, got ${describe(part)}`)
      if (typeof part['text'] === 'string') return part['text']
      return `[${typeof part['type'] === 'string' ? part['type'] : 'part'}]`
    }).join('')
  }
  if ((content === null || content === undefined) && (message['tool_calls'] !== undefined || message['function_call'] !== undefined)) return ''
  throw new RowProblem(`${where}: expected text, got ${describe(content)}`)
}

/** One reply: a text, a message, or a list that holds one message. */
export function readReply(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  const list: unknown[] = Array.isArray(value) ? value : [value]
  const [only] = list
  if (list.length !== 1 || !isRow(only)) throw new RowProblem(`${where}: expected one assistant message, got ${describe(value)}`)
  const textKey = 'value' in only && !('content' in only) ? 'value' : 'content'
  const role = only['role'] ?? only['from']
  if (role !== undefined && readRole(role, `${where}.role`) !== 'assistant') throw new RowProblem(`${where}: expected an assistant message, got one of ${describe(role)}`)
  return readContent(only, textKey, `${where}.${textKey}`)
}

/** True where a user message answers the assistant message just before it. */
export function isReaction(messages: readonly Message[], turnIndex: number): boolean {
  return messages[turnIndex]?.role === 'user' && messages[turnIndex - 1]?.role === 'assistant'
}

/** The `labels` of dsat/README.md: {turn_index, dsat, sat?, kind?, ratings?}; ours name the label itself, with `dsat_probability` and `categories`. */
export function readLabels(value: unknown, messages: readonly Message[]): ImportedLabel[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new RowProblem(`labels: expected a list, got ${describe(value)}`)
  return value.map((entry: unknown, i) => {
    if (!isRow(entry)) throw new RowProblem(`labels[${i}]: expected an object, got ${describe(entry)}`)
    const turnIndex = entry['turn_index']
    if (typeof turnIndex !== 'number' || !isReaction(messages, turnIndex)) {
      throw new RowProblem(`labels[${i}].turn_index: expected the index of a user message that follows an assistant message, got ${describe(turnIndex)}`)
    }
    const label = readLabel(entry, `labels[${i}]`)
    const ratings = readRatings(entry['ratings'])
    const probability = entry['dsat_probability']
    return { turnIndex, label, probability: typeof probability === 'number' && probability >= 0 && probability <= 1 ? probability : dissatisfactionShare(ratings, label), categories: readCategories(entry), ratings }
  })
}

function readLabel(entry: Row, where: string): SignalLabel {
  const { label, dsat, sat } = entry
  if (label === 'dissatisfied' || label === 'satisfied' || label === 'neutral') return label
  if (typeof dsat !== 'boolean') throw new RowProblem(`${where}.dsat: expected true or false, got ${describe(dsat)}`)
  if (dsat) return 'dissatisfied'
  return sat === true ? 'satisfied' : 'neutral'
}

function readCategories({ kind, categories }: Row): string[] {
  if (Array.isArray(categories)) return categories.filter((category) => typeof category === 'string')
  return typeof kind === 'string' && kind !== '' ? [kind] : []
}

function readRatings(value: unknown): number[] | null {
  return Array.isArray(value) && value.length > 0 && value.every((rating): rating is number => typeof rating === 'number') ? value : null
}

/** Share of annotators who rated 1 or 2 out of 5; without ratings the label alone. */
function dissatisfactionShare(ratings: readonly number[] | null, label: SignalLabel): number {
  if (ratings === null) return label === 'dissatisfied' ? 1 : 0
  return ratings.filter((rating) => rating <= 2).length / ratings.length
}

/** What rows of most formats say of a conversation under the same names. */
export const readAbout = (row: Row): { source: string | null; model: string | null; language: string | null; createdAt: string | null } => ({
  source: optionalText(row['source']),
  model: optionalText(row['model']),
  language: optionalText(row['language']),
  createdAt: readTime(row['created_at'] ?? row['timestamp']),
})

export function optionalText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** The columns that dataset exports write beside the rows, where they are there: where a row comes from, and who wrote its replies. */
export function readOrigin(row: Row, keys: readonly string[] = ['conversation_id', 'turn_index', 'round', 'policy', 'seed']): Record<string, string | number> {
  return Object.fromEntries(keys.flatMap((key) => {
    const value = row[key]
    return typeof value === 'string' || typeof value === 'number' ? [[key, value]] : []
  }))
}

/** A time as ISO 8601 from ISO text or from seconds or milliseconds since 1970; null where it is neither. */
export function readTime(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string' && typeof value !== 'number') return null
  // Seconds until the year 5138, milliseconds from 1973 on.
  const date = new Date(typeof value === 'number' && Math.abs(value) < 1e11 ? value * 1000 : value)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

/** Who asked, as metadata: datasets are split by it. */
export function readUser(...values: readonly unknown[]): { user?: string | number } {
  const user = values.find((value): value is string | number => (typeof value === 'string' && value !== '') || typeof value === 'number')
  return user === undefined ? {} : { user }
}

/**
 * The row's `metadata` object, with its own id kept under `id` (leaks are matched by it), who asked under `user`, and the
 * task it sets, which Parquet holds as JSON text.
 */
export function readMetadata(row: Row, id: unknown, kept: readonly string[] = []): Record<string, unknown> {
  const metadata: Record<string, unknown> = {}
  if (typeof id === 'string' || typeof id === 'number') metadata['id'] = id
  for (const key of kept) if (row[key] !== undefined && row[key] !== null) metadata[key] = row[key]
  Object.assign(metadata, readUser(row['user'], row['user_id'], row['userId']))
  const task = unfoldJson(row['task'])
  if (isRow(task)) metadata['task'] = task
  const given = row['metadata']
  if (given !== undefined && given !== null && !isRow(given)) throw new RowProblem(`metadata: expected an object, got ${describe(given)}`)
  return { ...metadata, ...given }
}
