import type { ImportFormat } from './format.ts'
import { readConversationRow } from './wildchat.ts'

/** LMSYS-Chat-1M, {conversation_id, model, conversation: [{content, role}], turn, language, openai_moderation, redacted}. */
export const lmsys: ImportFormat = {
  name: 'lmsys-chat',
  columns: ['conversation_id', 'model', 'conversation', 'language', 'redacted'],
  recognizes: (row) => Array.isArray(row['conversation']) && 'conversation_id' in row && !('toxic' in row),
  read: ([row]) => [readConversationRow(row)],
}
