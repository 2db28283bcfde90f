import type { ConversationDraft, ImportFormat, Row } from './format.ts'
import { optionalText, readLabels, readMessages, readMetadata, readTime } from './messages.ts'

/**
 * WildChat, {conversation: [{role, content}], model, language, …}. What could identify a person (hashed_ip, header,
 * state, country) is not taken over, in columnar files not even read.
 */
export const wildchat: ImportFormat = {
  name: 'wildchat',
  columns: ['conversation_hash', 'conversation_id', 'model', 'timestamp', 'conversation.role', 'conversation.content', 'language', 'toxic', 'redacted', 'source', 'metadata', 'labels'],
  recognizes: (row) => Array.isArray(row['conversation']),
  read: ([row]) => [readConversationRow(row)],
}

/** A row of WildChat or LMSYS-Chat. */
export function readConversationRow(row: Row): ConversationDraft {
  const messages = readMessages(row['conversation'], 'conversation')
  return {
    source: optionalText(row['source']),
    model: optionalText(row['model']),
    language: optionalText(row['language']),
    createdAt: readTime(row['timestamp'] ?? row['tstamp']),
    messages,
    metadata: readMetadata(row, row['conversation_hash'] ?? row['conversation_id'], ['toxic', 'redacted']),
    labels: readLabels(row['labels'], messages),
  }
}
