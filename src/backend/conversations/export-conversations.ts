/**
 * Conversations as JSONL that imports as it is: messages, where they come from, what else the log knew of them, their tags,
 * and what people or the data say of their turns (each annotator's own words are in `review/export-labels.ts`).
 */
import { maskConversation } from '../../core/lint/personal-data.ts'
import { readConversationAt } from '../storage/conversations.ts'
import type { ReadableDb } from '../storage/open.ts'
import { givenLabels } from '../storage/signals.ts'
import { tagsOf } from '../storage/tags.ts'
import type { Tell } from '../task-thread.ts'
import { writeLines } from '../write-lines.ts'

export async function exportConversations(db: ReadableDb, positions: Uint32Array, { path, mask }: { path: string; mask: boolean }, tell: Tell): Promise<{ path: string; rows: number }> {
  let rows = 0
  function* lines(): Generator<string> {
    const read = readConversationAt(db)
    const labelsAt = givenLabels(db)
    for (const position of positions) {
      tell(rows, positions.length, 'writing conversations')
      const conversation = read(position)
      // Deleted since it was chosen.
      if (conversation === null) continue
      const { source, model, language, createdAt, messages, metadata } = mask ? maskConversation(conversation) : conversation
      const { id, ...rest } = metadata
      const labels = labelsAt(position).map(({ turnIndex, label, probability, categories }) => ({ turn_index: turnIndex, label, dsat_probability: probability, categories }))
      const tags = tagsOf(db, position)
      yield `${JSON.stringify({ id, source, model, language, created_at: createdAt, messages, metadata: rest, ...(labels.length > 0 && { labels }), ...(tags.length > 0 && { tags }) })}\n`
      rows += 1
    }
  }
  return { path: await writeLines(path, lines()), rows }
}
