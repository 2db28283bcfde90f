/** Rows that judge their last reply by a flag: true pleased, false did not. */
import type { Message, SignalLabel } from '../../shared/types.ts'
import { describe, RowProblem, type ImportFormat, type Row } from './format.ts'
import { readAbout, readMetadata, readOrigin, readReply } from './messages.ts'
import { readPrompt } from './preference.ts'

/**
 * TRL's unpaired preference rows, {prompt, completion, label}. With our column `user_feedback` the conversation goes on
 * with the user's words and the label judges the reply before them; without, it is kept as `reply_label`.
 */
export const trlUnpaired: ImportFormat = {
  name: 'trl-unpaired',
  // A label of another kind, or none, leaves an ordinary exchange.
  recognizes: (row) => 'prompt' in row && 'completion' in row && readFlag(row['label']) !== null,
  read([row]) {
    const pleased = readFlag(row['label'])
    if (pleased === null) throw new RowProblem(`label: expected true or false, got ${describe(row['label'])}`)
    const label = labelOf(pleased)
    const words = row['user_feedback']
    const messages: Message[] = [...readPrompt(row['prompt']), { role: 'assistant', content: readReply(row['completion'], 'completion') }]
    const spoken = typeof words === 'string'
    if (spoken) messages.push({ role: 'user', content: words })
    return [{
      ...readAbout(row),
      messages,
      metadata: { ...readMetadata(row, row['id']), ...readOrigin(row), ...(spoken ? {} : { reply_label: label }) },
      labels: spoken ? [{ turnIndex: messages.length - 1, label, probability: pleased ? 0 : 1, categories: [], ratings: null }] : [],
    }]
  },
}

/** LLaMA-Factory's `kto_tag` on the reply that ends the messages, as metadata: nobody's message carries it. */
export function readReplyLabel(row: Row, messages: readonly Message[]): { reply_label?: SignalLabel } {
  const tag = row['kto_tag']
  if (tag === undefined || tag === null) return {}
  const pleased = readFlag(tag)
  if (pleased === null) throw new RowProblem(`kto_tag: expected true or false, got ${describe(tag)}`)
  if (messages.at(-1)?.role !== 'assistant') throw new RowProblem(`kto_tag: expected an assistant message at the end, which it judges, got one of ${describe(messages.at(-1)?.role)}`)
  return { reply_label: labelOf(pleased) }
}

const labelOf = (pleased: boolean): SignalLabel => (pleased ? 'satisfied' : 'dissatisfied')

/** Tables hold it as text. */
function readFlag(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  return text === 'true' ? true : text === 'false' ? false : null
}
