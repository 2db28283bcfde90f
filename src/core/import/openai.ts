import { tagName } from '../../shared/browse.ts'
import type { ImportFormat } from './format.ts'
import { readReplyLabel } from './judged-replies.ts'
import { optionalText, readLabels, readMessageFields, readMessages, readMetadata, readTime } from './messages.ts'

/** OpenAI chat and fine-tuning rows, {messages: [{role, content}]}; with `labels`, `tags` and `metadata` the project's own. */
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
      metadata: { ...readMessageFields(row['messages']), ...readMetadata(row, row['id']), ...readReplyLabel(row, messages) },
      labels: readLabels(row['labels'], messages),
      ...readTags(row['tags']),
    }]
  },
}

/** Those that can stand on a conversation; what others call tags need not. */
function readTags(value: unknown): { tags?: string[] } {
  const tags = Array.isArray(value) ? value.flatMap((tag: unknown) => tagName.safeParse(tag).data ?? []) : []
  return tags.length === 0 ? {} : { tags }
}
