import type { ImportFormat } from './format.ts'
import { readReplyLabel } from './judged-replies.ts'
import { optionalText, readLabels, readMessages, readMetadata, readTime } from './messages.ts'

/** ShareGPT, {id, conversations: [{from, value}]}; LLaMA-Factory's `system` beside the list becomes its first message, its `kto_tag` what the user thought of the last reply. */
export const sharegpt: ImportFormat = {
  name: 'sharegpt',
  recognizes: (row) => 'conversations' in row,
  read([row]) {
    const turns = readMessages(row['conversations'], 'conversations', 'from', 'value')
    const system = optionalText(row['system'])
    const messages = system === null ? turns : [{ role: 'system' as const, content: system }, ...turns]
    return [{
      source: optionalText(row['source']),
      model: optionalText(row['model']),
      language: optionalText(row['language'] ?? row['lang']),
      createdAt: readTime(row['created_at'] ?? row['timestamp']),
      messages,
      metadata: { ...readMetadata(row, row['id']), ...readReplyLabel(row, messages) },
      labels: readLabels(row['labels'], messages),
    }]
  },
}
