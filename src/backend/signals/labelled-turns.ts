/** Turns to train on, from a labelled file or from the labels of people (and imported ones) in a workspace. */
import type { LabelledTurn } from '../../core/detector/train.ts'
import { UsageError } from '../../shared/errors.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { readConversations } from '../imports/read-conversations.ts'
import { messageReader } from '../storage/conversations.ts'
import type { ReadableDb } from '../storage/open.ts'
import { STANDING } from '../storage/threshold.ts'

/** Every labelled turn of a file in dsat/README.md's format. A row that cannot be read is an error: figures must be of the whole file. */
export async function labelledTurnsOf(file: string, verb: string): Promise<LabelledTurn[]> {
  const turns: LabelledTurn[] = []
  let dialogue = 0
  for await (const { results } of readConversations(file)) {
    for (const result of results) {
      if ('reason' in result) throw new UsageError(`${verb}: ${file} row ${result.row}: ${result.reason}`)
      const { messages, labels } = result.draft
      for (const { turnIndex, label, ratings } of labels) turns.push({ messages, turnIndex, dissatisfied: label === 'dissatisfied', ratings, dialogue })
      dialogue += 1
    }
  }
  if (turns.length === 0) throw new UsageError(`${verb}: expected conversations with labels [{turn_index, dsat}], found none in ${file}`)
  return turns
}

/** A turn whose label stands, and where it is. */
export type ReviewedWorkspaceTurn = LabelledTurn & { conversationId: string; decider: 'human' | 'imported' }

/** What people say, and where nobody has said anything what came with the data. */
export function reviewedTurns(db: ReadableDb): ReviewedWorkspaceTurn[] {
  const labels = db
    .prepare(`${STANDING} ORDER BY conversation, turn_index`)
    .all() as { conversation: number; turn_index: number; label: SignalLabel; decider: 'human' | 'imported' }[]
  const byConversation = Map.groupBy(labels, ({ conversation }) => conversation)
  const readMessages = messageReader(db)
  const idOf = db.prepare('SELECT id FROM conversations WHERE position = ?').pluck()
  return [...byConversation].flatMap(([position, entries]) => {
    const messages = readMessages(position)
    const conversationId = idOf.get(position) as string
    return entries.map(({ turn_index, label, decider }): ReviewedWorkspaceTurn => ({ messages, turnIndex: turn_index, dissatisfied: label === 'dissatisfied', ratings: null, dialogue: position, conversationId, decider }))
  })
}
