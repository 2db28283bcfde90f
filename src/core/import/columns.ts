/**
 * Tables that follow no known format: which column holds what is found by the columns' names, or told. A row is a
 * whole conversation (`messages`), one exchange (`prompt` and `reply`), or one message (`role` and `content`, the
 * rows of a `conversation` standing together).
 */
import type { ColumnField } from '../../shared/contract.ts'
import type { Message } from '../../shared/types.ts'
import { describe, RowProblem, type ConversationDraft, type ImportFormat, type Row } from './format.ts'
import { optionalText, readMessages, readMetadata, readReply, readRole, readTime, readUser } from './messages.ts'
import { readPrompt } from './preference.ts'

/** Field to column name. Beside `messages`, `role` and `content` are the keys inside its items. */
export type ColumnMapping = Partial<Record<ColumnField, string>>

const NAMES: Readonly<Record<ColumnField, readonly string[]>> = {
  messages: ['messages', 'conversation', 'conversations', 'dialogue', 'dialog', 'turns', 'history', 'chat'],
  conversation: ['conversation_id', 'conversationid', 'conversation', 'thread_id', 'session_id', 'sessionid', 'chat_id', 'dialogue_id', 'dialog_id', 'thread', 'session'],
  role: ['role', 'from', 'speaker', 'author', 'sender'],
  content: ['content', 'value', 'text', 'message', 'body', 'utterance'],
  prompt: ['prompt', 'instruction', 'question', 'query', 'input', 'request', 'user'],
  reply: ['response', 'completion', 'answer', 'output', 'reply', 'assistant'],
  user: ['user_id', 'userid', 'user_hash', 'username', 'user_name', 'customer_id', 'customer', 'user'],
  model: ['model', 'model_name', 'modelname'],
  language: ['language', 'lang', 'locale'],
  time: ['created_at', 'createdat', 'timestamp', 'created', 'time', 'date'],
  source: ['source', 'dataset'],
}
export const columnFields = Object.keys(NAMES) as ColumnField[]

/** The columns whose names say what they hold; the first name that is there counts. */
export function suggestMapping(columns: readonly string[]): ColumnMapping {
  const byName = new Map(columns.map((column) => [column.toLowerCase().replaceAll(/[\s-]+/g, '_'), column]))
  const mapping: ColumnMapping = {}
  for (const field of columnFields) {
    const name = NAMES[field].find((candidate) => byName.has(candidate))
    if (name !== undefined) mapping[field] = byName.get(name)
  }
  // A column `user` is what the user says only beside a reply.
  if (mapping.user !== undefined && mapping.user === mapping.prompt) delete mapping[mapping.reply === undefined ? 'prompt' : 'user']
  // Beside a role and a text of its own a row is one message: what looks like a list is the conversation's id.
  if (mapping.role !== undefined && mapping.content !== undefined) delete mapping.messages
  return mapping
}

/** Why no conversation can be read with it; null where one can. */
export function mappingProblem(mapping: ColumnMapping): string | null {
  const has = (...fields: ColumnField[]): boolean => fields.every((field) => mapping[field] !== undefined && mapping[field] !== '')
  if (has('messages') || has('prompt', 'reply') || has('conversation', 'role', 'content')) return null
  return 'mapping: expected columns for messages, or for prompt and reply, or for conversation, role and content'
}

/** Rows read by a mapping. Without one each row's own column names decide. */
export function columnsFormat(mapping?: ColumnMapping): ImportFormat {
  // Rows of a table have the same columns one after the other.
  let last: { names: string; mapping: ColumnMapping } | null = null
  const mappingOf = (row: Row): ColumnMapping => {
    if (mapping !== undefined) return mapping
    const columns = Object.keys(row)
    const names = columns.join('\0')
    if (last?.names !== names) last = { names, mapping: suggestMapping(columns) }
    return last.mapping
  }
  const isMessageEach = (m: ColumnMapping): boolean => m.messages === undefined && !(m.prompt !== undefined && m.reply !== undefined)
  return {
    name: 'csv',
    ...(mapping === undefined ? {} : { columns: Object.values(mapping) }),
    recognizes: (row) => mappingProblem(mappingOf(row)) === null,
    startsNew(row, first) {
      const { conversation, ...rest } = mappingOf(row)
      return !isMessageEach(rest) || conversation === undefined || row[conversation] !== first[conversation]
    },
    read(rows) {
      const [first] = rows
      const chosen = mappingOf(first)
      const problem = mappingProblem(chosen)
      if (problem !== null) throw new RowProblem(`${problem}; got the columns ${Object.keys(first).slice(0, 12).join(', ')}`)
      const messages = isMessageEach(chosen) ? rows.map((row, i) => readMessage(row, chosen, `row ${i + 1} of its conversation`)) : readWhole(first, chosen)
      const asker = isMessageEach(chosen) ? rows[messages.findIndex(({ role }) => role === 'user')] : first
      return [{ ...fieldsAround(first, chosen, asker ?? first), messages }]
    },
  }
}

/** As the command line and detection ask for it: columns known by their names. */
export const csv: ImportFormat = columnsFormat()

function cell(row: Row, column: string | undefined): unknown {
  return column === undefined ? undefined : row[column]
}

function readMessage(row: Row, { role = '', content = '' }: ColumnMapping, where: string): Message {
  // An empty cell of a table is an empty text.
  const text = row[content] === null ? '' : row[content]
  if (typeof text !== 'string') throw new RowProblem(`${where}, ${content}: expected text, got ${describe(text)}`)
  return { role: readRole(row[role], `${where}, ${role}`), content: text }
}

function readWhole(row: Row, mapping: ColumnMapping): Message[] {
  if (mapping.messages !== undefined) return readMessages(row[mapping.messages], mapping.messages, mapping.role ?? 'role', mapping.content ?? 'content')
  const prompt = readPrompt(cell(row, mapping.prompt))
  return [...prompt, { role: 'assistant', content: readReply(cell(row, mapping.reply), mapping.reply ?? 'reply') }]
}

/** @param asker the row that says who asked */
function fieldsAround(row: Row, mapping: ColumnMapping, asker: Row): Omit<ConversationDraft, 'messages'> {
  const id = cell(row, mapping.conversation)
  return {
    source: optionalText(cell(row, mapping.source)),
    model: optionalText(cell(row, mapping.model)),
    language: optionalText(cell(row, mapping.language)),
    createdAt: readTime(cell(row, mapping.time)),
    metadata: { ...readMetadata({}, id), ...readUser(cell(asker, mapping.user)) },
    labels: [],
  }
}
