/** The three kinds of rows, told apart and put into the words of the table. */
import { originOf as rowOrigin, repliesOf } from '../../../core/row-texts.ts'
import type { DatasetRow } from '../../../shared/datasets.ts'
import type { FeedbackRow, Message, Pair } from '../../../shared/types.ts'

export const isPair = (row: DatasetRow): row is Pair => 'chosen' in row
export const isFeedback = (row: DatasetRow): row is FeedbackRow => 'reply' in row

/** What the user last asked. */
export const lastRequest = (prompt: readonly Message[]): string => prompt.findLast((message) => message.role === 'user')?.content ?? prompt.at(-1)?.content ?? ''
/** A pair's sides, chosen first; a feedback row's reply; nothing for a prompt. */
export const repliesInWords = (row: DatasetRow): string => repliesOf(row).map(({ text }) => text).join(' · ')

/** Where the row comes from, if that is a conversation of the workspace. A policy's reply is of none. */
export function originOf(row: DatasetRow): { id: string; turn: number | null } | null {
  if ('origin' in row) return null
  const { conversationId: id, turnIndex: turn } = rowOrigin(row)
  return id === null || id === '' ? null : { id, turn }
}

/** Where a pair's chosen reply comes from, in words. */
export function sourceOfChosen({ provenance: { policy, round, seed } }: Pair): string {
  if (policy === null && round === null) return 'from the log'
  return ['sampled', policy === null ? null : `from ${policy}`, round === null ? null : `round ${round}`, seed === null ? null : `seed ${seed}`].filter(Boolean).join(', ').replace('sampled, from', 'sampled from')
}
