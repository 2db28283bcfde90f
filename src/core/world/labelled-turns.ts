/**
 * Labelled turns in the built-in world's text: users ask, the world's writer answers, users react or go on to their
 * next request. What the shipped classifier learns from: the text is the project's own.
 */
import type { Message } from '../../shared/types.ts'
import type { LabelledTurn } from '../detector/train.ts'
import { makeRng } from '../rng.ts'
import { verifyReply } from './reply.ts'
import { drawRenderedRequest } from './request.ts'
import { react } from './user.ts'
import { makeWorld } from './world.ts'
import { writeFirstReply } from './writer.ts'

const REQUESTS = 5
/** Most users say nothing and ask their next thing, as in real logs; text unlike anything here then counts as neutral. */
const REACTING = 0.3

export function labelledWorldTurns(options: { seed: number; dialogues: number }): LabelledTurn[] {
  const world = makeWorld(options.seed)
  const rng = makeRng(`labelled turns ${options.seed}`)
  const turns: LabelledTurn[] = []
  for (let dialogue = 0; dialogue < options.dialogues; dialogue++) {
    const messages: Message[] = []
    for (let i = 0; i < REQUESTS; i++) {
      const { spec, text } = drawRenderedRequest(rng)
      if (messages.length > 0) turns.push({ messages, turnIndex: messages.length, dissatisfied: false, ratings: null, dialogue })
      messages.push({ role: 'user', content: text })
      const reply = writeFirstReply(world, spec, rng)
      messages.push({ role: 'assistant', content: reply })
      const reaction = react(spec, verifyReply(spec, reply), rng)
      if (reaction.text === '' || rng.next() > REACTING) continue
      turns.push({ messages, turnIndex: messages.length, dissatisfied: reaction.dsat, ratings: null, dialogue })
      messages.push({ role: 'user', content: reaction.text })
      break
    }
  }
  return turns
}
