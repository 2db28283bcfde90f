/** The texts of a dataset row of any kind, alike: what is asked, what is answered, what the user said. Pure. */
import type { DatasetRow } from '../shared/datasets.ts'

export type Side = 'chosen' | 'rejected' | 'reply'
export type Reply = { side: Side; text: string }

/** A pair's chosen and rejected reply, a feedback row's reply; a prompt has none. */
export function repliesOf(row: DatasetRow): Reply[] {
  if ('chosen' in row) return [{ side: 'chosen', text: row.chosen }, { side: 'rejected', text: row.rejected }]
  return 'reply' in row ? [{ side: 'reply', text: row.reply }] : []
}

/** Replies that training makes more probable: a pair's chosen one, a feedback row's where it satisfied. */
export function wantedReplies(row: DatasetRow): Reply[] {
  if ('reply' in row) return row.label === 'satisfied' ? repliesOf(row) : []
  return repliesOf(row).filter(({ side }) => side === 'chosen')
}

export const promptText = (row: DatasetRow): string => row.prompt.map(({ content }) => content).join('\n')
/** What users say in the prompt, message by message. */
export const requestsOf = (row: DatasetRow): string[] => row.prompt.filter(({ role }) => role === 'user').map(({ content }) => content)
/** Prompt and replies, each side marked, so that swapped sides are another text. */
export const wholeText = (row: DatasetRow): string => [promptText(row), ...repliesOf(row).map(({ side, text }) => `${side}: ${text}`)].join('\n')
/** The user's words about the logged reply; null where there are none. */
export function feedbackOf(row: DatasetRow): string | null {
  if ('provenance' in row) return row.provenance.userFeedback
  return 'userFeedback' in row ? row.userFeedback : null
}
/** Every text of a row: each message of the prompt, each reply, the user's words, a rater's critique. */
export const textsOf = (row: DatasetRow): string[] => [...row.prompt.map(({ content }) => content), ...repliesOf(row).map(({ text }) => text), feedbackOf(row) ?? '', ('critique' in row ? row.critique : undefined) ?? '']
/** Where a row comes from. */
export function originOf(row: DatasetRow): { conversationId: string | null; turnIndex: number | null } {
  if ('provenance' in row) return row.provenance
  return { conversationId: row.conversationId, turnIndex: 'turnIndex' in row ? row.turnIndex : null }
}

/** The row with every text passed through `change`: prompt, replies, the user's words, a rater's critique. */
export function mapTexts(row: DatasetRow, change: (text: string) => string): DatasetRow {
  const prompt = row.prompt.map((message) => ({ ...message, content: change(message.content) }))
  const words = (text: string | null): string | null => (text === null ? null : change(text))
  if ('chosen' in row) return { ...row, prompt, chosen: change(row.chosen), rejected: change(row.rejected), provenance: { ...row.provenance, userFeedback: words(row.provenance.userFeedback) } }
  return 'reply' in row ? { ...row, prompt, reply: change(row.reply), userFeedback: words(row.userFeedback), ...(row.critique !== undefined && { critique: change(row.critique) }) } : { ...row, prompt }
}
