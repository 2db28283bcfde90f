/** What a detector says of the answered turns of conversations. */
import { answeredTurns, type Judgement } from '../../core/signals.ts'
import { eachConversation } from '../storage/conversations.ts'
import type { ReadableDb } from '../storage/open.ts'
import type { Detector } from './detectors.ts'

/** By position: behind `after`, up to `until`. */
export type PositionRange = { after: number; until: number }
export type JudgedConversation = { position: number; id: string; turns: (Judgement & { turnIndex: number })[] }

export function judgeConversations(db: ReadableDb, detector: Detector, range: PositionRange): JudgedConversation[] {
  return Array.from(eachConversation(db, range), ({ position, conversation: { id, messages } }) => ({
    position,
    id,
    turns: answeredTurns(messages).map((turnIndex) => ({ turnIndex, ...detector.judge(messages, turnIndex, id) })),
  }))
}
