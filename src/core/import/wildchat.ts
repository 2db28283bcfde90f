import type { ImportFormat } from './format.ts'
import { optionalText, readLabels, readMessages, readMetadata, readTime } from './messages.ts'

/**
 * WildChat and LMSYS-Chat, {conversation: [{role, content}], model, language, …}. What could identify a person
 * (hashed_ip, header, state, country) is not taken over.
 */
export const wildchat: ImportFormat = {
  name: 'wildchat',
  recognizes: (row) => Array.isArray(row['conversation']),
  read([row]) {
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
  },
}
