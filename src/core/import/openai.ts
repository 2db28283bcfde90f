import type { ImportFormat } from './format.ts'
import { readReplyLabel } from './judged-replies.ts'
import { optionalText, readLabels, readMessages, readMetadata, readTime } from './messages.ts'

/** OpenAI chat and fine-tuning rows, {messages: [{role, content}]}; with `labels` and `metadata` the project's own. */
export const openai: ImportFormat = {
  name: 'openai',
  recognizes: (row) => 'messages' in row,
  read([row]) {
    const messages = readMessages(row['messages'], 'messages')
    return [{
      source: optionalText(row['source']),
      model: optionalText(row['model']),
      language: optionalText(row['language']),
      createdAt: readTime(row['created_at'] ?? row['timestamp'] ?? row['created']),
      messages,
      metadata: { ...readMetadata(row, row['id']), ...readReplyLabel(row, messages) },
      labels: readLabels(row['labels'], messages),
    }]
  },
}
