/** What a detector says of the answered turns of conversations. */
import { answeredTurns } from '../../core/signals.ts'
import { talkReader } from '../storage/conversations.ts'
import type { ReadableDb } from '../storage/open.ts'
import { valuesOf, type SignalValues } from '../storage/signals.ts'
import type { Detector } from './detectors.ts'

/** By position: behind `after`, up to `until`. */
export type PositionRange = { after: number; until: number }
/** Conversations side by side; the signals of the i-th end at `ends[i]` of `values`. */
export type JudgedConversations = { positions: number[]; ids: string[]; ends: number[]; values: SignalValues }

/** Read at once: so few that their texts are gone before the collector would move them. */
const READ = 100

export function conversationJudge(db: ReadableDb, { decider, version, judge }: Detector): (range: PositionRange) => JudgedConversations {
  const read = talkReader(db)
  return ({ after, until }) => {
    const judged: JudgedConversations = { positions: [], ids: [], ends: [], values: [] }
    for (let from = after; from < until; from += READ) {
      for (const { position, id, messages } of read(from, Math.min(from + READ, until))) {
        for (const turnIndex of answeredTurns(messages)) judged.values.push(...valuesOf({ conversation: position, turnIndex, ...judge(messages, turnIndex, id), decider, deciderVersion: version }))
        judged.positions.push(position)
        judged.ids.push(id)
        judged.ends.push(judged.values.length)
      }
    }
    return judged
  }
}
